SELECT window_start, window_end, LISTAGG(CAST(id AS STRING)) AS l FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '20' SECOND)) GROUP BY window_start, window_end;

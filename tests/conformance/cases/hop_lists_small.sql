SELECT window_start, ARRAY_AGG(id) AS a, COLLECT(v) AS c FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Processing time windows: how many bids does a user make in each ten seconds of the wall clock?
CREATE TABLE `result` (
  bidder BIGINT, bid_count BIGINT, starttime TIMESTAMP(3), endtime TIMESTAMP(3)
) WITH (${sink});

CREATE VIEW bid_in_processing_time AS
SELECT *, PROCTIME() AS p_time
FROM bid;

INSERT INTO `result`
SELECT bidder, COUNT(*) AS bid_count, window_start AS starttime, window_end AS endtime
FROM TABLE(TUMBLE(TABLE bid_in_processing_time, DESCRIPTOR(p_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;

-- include: shared, indexes
-- Names a job that is about to get its record in the indexes. A job that stands in them is left where it is.
--   KEYS 1 due, 2 unqueued, 3 jobs of its tenant, 4 tenants, 5 webhooks, 6 ids, 7 unfinished, 8 texts, 9 filed,
--        10… an index for each member of its metadata that it is to be found by
--   ARGV 1 jobId, 2 ms from now when it must be looked at, 3 ms from now when its queue entry is looked for, 4 tenant,
--        5 ms from now when its webhook is looked for should nobody say that it has ended, or '' (it has none),
--        6 text that it is to be found by, or '', 7 these members (JSON), or ''
-- Returns {now, 1 when it was to be looked at already}
local now = now_ms()
return { now, enter_indexes(KEYS, ARGV, now) }

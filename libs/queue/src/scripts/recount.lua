-- include: turns
-- Puts right what nobody has said: ends the turns of jobs whose queue entry has ended, or is gone, and hands out what there is
-- room for. Workers of older versions say nothing of their slots: where none does, one job is to wait for them.
--   KEYS 1 BullMQ's list `wait`
-- Returns {how many turns it ended}
local ended = 0
for _, job_id in ipairs(redis.call('HKEYS', OUT)) do
  local entry = redis.call('HMGET', bull .. job_id, 'timestamp', 'finishedOn')
  if not entry[1] or entry[2] then
    end_turns({ job_id })
    ended = ended + 1
  end
end
hand_out_all(redis.call('ZCOUNT', WORKERS, '(' .. exact(now), '+inf') == 0 and 1 or 0)
return { ended }

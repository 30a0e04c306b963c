-- Counters of what ended in a minute or in a day.

-- Adds to the counters of a hash, numbers by name, and keeps it for so long from now on. Beyond a number of names no new ones come
-- in: what has a kind counts for the others of its kind.
local function add_counts(key, sums, life, most)
  if not next(sums) then
    return
  end
  local is_full = redis.call('HLEN', key) >= most
  for name, sum in pairs(sums) do
    if is_full and redis.call('HEXISTS', key, name) == 0 then
      name = string.gsub(name, '^(%w+:%w+:).*$', '%1others')
    end
    redis.call('HINCRBY', key, name, string.format('%.0f', sum))
  end
  redis.call('PEXPIRE', key, life)
end

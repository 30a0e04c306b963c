-- Counters of what ended in a minute or in a day.

-- Adds to the counters of a hash that is kept for so long from now on: `pairs` are names and numbers, from one place to another.
-- Beyond a number of names no new ones come in: what has a kind counts for the others of its kind.
local function add_counts(key, pairs, from, to, life, most)
  local is_full = redis.call('HLEN', key) >= most
  for i = from, to, 2 do
    local name = pairs[i]
    if is_full and redis.call('HEXISTS', key, name) == 0 then
      name = string.gsub(name, '^(%w+:%w+:).*$', '%1others')
    end
    redis.call('HINCRBY', key, name, pairs[i + 1])
  end
  redis.call('PEXPIRE', key, life)
end

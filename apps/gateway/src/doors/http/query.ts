/** The query of a request as parameters: a member of an object is named `object.member` or `object[member]`. */

export function nestQuery(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const nested = new Map<string, [string, unknown][]>();
  const flat: [string, unknown][] = [];
  for (const [name, value] of Object.entries(query)) {
    const [, object, member = '', other = ''] = /^(\w+)(?:\.(.+)|\[(.+)\])$/s.exec(name) ?? [];
    if (object === undefined) flat.push([name, value]);
    else nested.set(object, [...(nested.get(object) ?? []), [member || other, value]]);
  }
  const objects = [...nested].map(([name, members]) => [name, Object.fromEntries(members)] as const);
  return Object.fromEntries([...flat, ...objects]);
}

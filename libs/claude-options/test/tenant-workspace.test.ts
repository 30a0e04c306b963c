import { expect, test } from 'vitest';
import { optionSchemas } from '../src/schema.ts';
import { tenantWorkspace } from '../src/tenant-workspace.ts';

test('each tenant has workspaces of its own, and the default tenant those of before', () => {
  expect(tenantWorkspace('default', 'main')).toBe('main');
  const own = tenantWorkspace('acme', 'main');
  expect(own).toBe(tenantWorkspace('acme', 'main'));
  expect(optionSchemas.workspace.safeParse(own).success).toBe(true);
  // Nor does anybody come to them by the name that they have at claude-api.
  const names = [
    own,
    tenantWorkspace('rival', 'main'),
    tenantWorkspace('acme', 'other'),
    tenantWorkspace('default', own),
    tenantWorkspace('rival', own),
    // The file systems of macOS and Windows take it for the same.
    tenantWorkspace('default', own.toUpperCase()),
  ];
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
});

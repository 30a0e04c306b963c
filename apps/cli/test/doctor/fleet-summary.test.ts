import { describe, expect, it } from 'vitest';
import { judgeSettings, judgeUsage, judgeVersions, judgeWorkers } from '../../src/doctor/fleet-summary.ts';
import { gatewayReport, NOW, workerReport } from './reports.ts';

describe('the workers', () => {
  it.each([
    [12, '12 jobs wait and no worker is alive'],
    [1, '1 job waits and no worker is alive'],
    [0, 'no worker is alive: what is accepted now will wait'],
  ])('are missed, with %i jobs waiting', (waiting, message) => {
    const dead = workerReport({ at: NOW - 60_000 });
    const finding = judgeWorkers([gatewayReport(), dead], NOW, { waiting, active: 0 });
    expect(finding).toMatchObject({ level: 'fail', message });
  });

  it('are counted with their slots', () => {
    expect(judgeWorkers([workerReport(), workerReport()], NOW, { waiting: 2, active: 3 })).toMatchObject({
      level: 'ok',
      message: '2 workers with 16 slots; 3 jobs run, 2 jobs wait',
    });
    expect(judgeWorkers([workerReport()], NOW, { waiting: 1, active: 1 })).toMatchObject({
      message: '1 worker with 8 slots; 1 job runs, 1 job waits',
    });
  });

  it('are too few when every slot is taken and jobs wait', () => {
    expect(judgeWorkers([workerReport()], NOW, { waiting: 2, active: 8 })).toMatchObject({
      level: 'warn',
      advice: expect.stringContaining('--scale worker'),
    });
  });

  it('have room when what they have taken waits without a slot', () => {
    const jobs = { running: 2, waiting: 6 };
    expect(judgeWorkers([workerReport({ jobs })], NOW, { waiting: 2, active: 8 })).toMatchObject({
      level: 'ok',
      message: '1 worker with 8 slots; 2 jobs run, 6 taken wait without a slot, 2 jobs wait',
    });
  });

  it('are of no use when none is ready', () => {
    const report = workerReport({ status: 'unavailable' });
    expect(judgeWorkers([report], NOW, { waiting: 0, active: 0 }).level).toBe('fail');
  });
});

describe('a usage limit', () => {
  it('is a warning until its reset, and says what to do', () => {
    expect(judgeUsage({ resetsAt: NOW + 1, limit: 'five_hour' }, NOW)).toMatchObject({
      level: 'warn',
      message: expect.stringContaining(
        'the usage limit "five_hour" is reached: no job asks the model before',
      ),
      advice: expect.stringContaining('usage-block'),
    });
    const ofOne = judgeUsage({ resetsAt: NOW + 1, limit: 'seven_day_opus', model: 'opus' }, NOW);
    expect(ofOne.message).toContain('no job asks the model opus before');
    const ofTenant = judgeUsage({ resetsAt: NOW + 1, credential: 'cred_1' }, NOW);
    expect(ofTenant.message).toContain("a tenant's own credential (cred_1)");
    expect(ofTenant.advice).not.toContain('DEL');
    const { level, message } = judgeUsage({ resetsAt: NOW }, NOW);
    expect([level, message]).toEqual(['ok', expect.stringContaining('one job tries')]);
  });
});

describe('versions', () => {
  it('that agree are one line', () => {
    expect(judgeVersions([workerReport()], { gateway: '1.2.3' }, '1.2.3')).toMatchObject({
      level: 'ok',
      message: 'all have 1.2.3',
    });
  });

  it('that differ are listed with who has them', () => {
    expect(judgeVersions([workerReport({ version: '1.3.0' })], { gateway: '1.2.3' }, '1.2.2')).toMatchObject({
      level: 'warn',
      message: '1.2.2: this command; 1.2.3: gateway, claude-api; 1.3.0: worker-h1-7',
    });
  });
});

describe('settings', () => {
  it('that must be the same are compared', () => {
    const other = gatewayReport({ settings: { leaseMs: 3_000, retentionMs: 86_400_000 } });
    expect(judgeSettings([workerReport(), other])).toEqual([
      expect.objectContaining({
        level: 'warn',
        message: 'JOB_LEASE_MS differs: 15000: worker-h1-7; 3000: gateway-h2-7',
      }),
    ]);
    expect(judgeSettings([workerReport(), gatewayReport()])).toEqual([
      expect.objectContaining({ level: 'ok' }),
    ]);
  });
});

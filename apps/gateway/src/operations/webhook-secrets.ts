/**
 * With what webhooks are signed: where it is asked who comes in, each tenant has secrets of its own, so that none can have a webhook sent to
 * another's receiver which that takes for one of its own. Where nobody is asked there is one tenant, and the operator's secrets are it.
 */
import type { WebhookDraw, WebhookDraws } from '@cc-executor/job-log';
import { ProtocolError, type WebhookSecret } from '@cc-executor/protocol';
import { tenantSecrets } from '@cc-executor/webhooks';

export type WebhookSecrets = {
  /** All that sign now, the newest first. Errors: those of Redis. */
  signing(tenant: string): Promise<string[]>;
  /** The same, as it is told. Errors: `webhooks_off`, `forbidden`; those of Redis. */
  shown(tenant: string): Promise<WebhookSecret[]>;
  /** Draws another for a tenant; that of now signs, too, for so long. Errors: as of `shown`. */
  redraw(tenant: string, overlapMs: number): Promise<WebhookSecret[]>;
};

const NOT_ASKED =
  'Where nobody is asked who they are (AUTH_MODE=none), receivers check webhooks by WEBHOOK_SECRETS, which the operator has.';

/**
 * @param options.operators undefined: there are none
 * @param options.isOfTenants whether each tenant has its own
 */
export function createWebhookSecrets({
  operators,
  isOfTenants,
  draws,
}: {
  operators: readonly string[] | undefined;
  isOfTenants: boolean;
  draws: WebhookDraws;
}): WebhookSecrets {
  /** Of several of the operator's the last is the newest. */
  const newestFirst = (operators ?? []).toReversed();

  function secretsOf(tenant: string, { drawnAt, before }: WebhookDraw): WebhookSecret[] {
    const now = tenantSecrets(newestFirst, tenant, drawnAt).map((secret) => ({ secret }));
    if (before === undefined) return now;
    const { until } = before;
    return [
      ...now,
      ...tenantSecrets(newestFirst, tenant, before.drawnAt).map((secret) => ({ secret, until })),
    ];
  }

  function mustBeOfTenants(): void {
    if (operators === undefined) throw new ProtocolError('webhooks_off');
    if (!isOfTenants) throw new ProtocolError('forbidden', NOT_ASKED);
  }

  return {
    async signing(tenant) {
      if (!isOfTenants) return newestFirst;
      return secretsOf(tenant, await draws.of(tenant)).map(({ secret }) => secret);
    },
    async shown(tenant) {
      mustBeOfTenants();
      return secretsOf(tenant, await draws.of(tenant));
    },
    async redraw(tenant, overlapMs) {
      mustBeOfTenants();
      return secretsOf(tenant, await draws.redraw(tenant, overlapMs));
    },
  };
}

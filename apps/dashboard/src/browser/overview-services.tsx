/** Gateways, workers and claude-apis: how each is, and what it has to do. */
import type { OverviewResult } from '@cc-executor/protocol/plain';
import { formatAge } from './format.ts';

type Service = OverviewResult['services'][number];

export function Services({ services, now }: { services: readonly Service[]; now: number }) {
  return (
    <section>
      <h2>Services</h2>
      <table class="stacked">
        <thead>
          <tr>
            <th>Service</th>
            <th>State</th>
            <th>Load</th>
            <th>Version</th>
            <th>Seen</th>
          </tr>
        </thead>
        <tbody>
          {services.map((service) => (
            <tr key={service.id}>
              <td class="name">
                {service.role} <small>{service.host}</small>
              </td>
              <td>
                <span class={service.status === 'ok' ? 'completed' : 'failed'}>{service.status}</span>
                {service.troubles.map((trouble) => (
                  <small key={trouble} class="trouble">
                    {trouble}
                  </small>
                ))}
              </td>
              <td>{loadOf(service)}</td>
              <td data-label="version">{service.version}</td>
              <td data-label="seen">{formatAge(service.at, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function loadOf({ connections, load }: Service) {
  if (connections !== undefined) return `${connections} connections`;
  if (load === undefined) return '';
  const { running, waiting, limit } = load;
  return (
    <>
      <meter value={running} max={Math.max(limit, 1)} aria-label="busy" />{' '}
      {`${running} of ${limit} run${waiting > 0 ? `, ${waiting} wait` : ''}`}
    </>
  );
}

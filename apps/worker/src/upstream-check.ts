/** The readiness check `claudeApi`: at least one address of claude-api can run a prompt. */
import type { SurveyedAddress, UpstreamSurvey } from '@cc-executor/claude-api-client';
import { describeTrouble } from '@cc-executor/fleet';
import type { CheckResult } from '@cc-executor/service';

export function judgeSurvey(survey: UpstreamSurvey): CheckResult {
  const { url, nameCode, addresses } = survey;
  if (nameCode !== undefined) {
    return { ok: false, detail: `${url}: ${describeTrouble(nameCode)}`, data: survey };
  }
  const good = addresses.filter(isGood);
  const bad = addresses.filter((address) => !isGood(address)).map(describe);
  const detail = [`${url}: ${good.length} of ${addresses.length} addresses ready`, ...bad].join('; ');
  return { ok: good.length > 0, detail, data: survey };
}

function isGood({ statusCode = 0 }: SurveyedAddress): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function describe({ address, code, statusCode, detail }: SurveyedAddress): string {
  const refusal = statusCode === 401 ? 'it wants another token (CLAUDE_API_TOKEN)' : undefined;
  const answer = refusal ?? detail ?? `it answers ${statusCode}`;
  return `${address}: ${code === undefined ? answer : describeTrouble(code)}`;
}

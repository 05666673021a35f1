import type { Environment } from './environment.ts';
import { RekeyClientError } from './errors.ts';
import { readProfile } from './profile-file.ts';

/** A server and the region its credentials are for. */
export interface Server {
  readonly url: URL;
  readonly region: string;
}

/** What the user said about the server. */
export interface ServerChoice {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly insecureHttp?: boolean | undefined;
}

/**
 * Finds the server: what the user said, else what the environment says, else AWS itself in the environment's region.
 *
 * @throws RekeyClientError `configuration`
 */
export async function findServer(choice: ServerChoice, environment: Environment): Promise<Server> {
  const endpoint = choice.endpoint ?? endpointFrom(environment);
  const region = choice.region ?? regionFrom(environment) ?? (await readProfile(environment)).region;
  if (endpoint !== null)
    return { url: checkedEndpoint(endpoint, choice.insecureHttp ?? false), region: region ?? 'us-east-1' };
  if (region !== undefined) return { url: new URL(awsEndpoint(region)), region };
  throw new RekeyClientError(
    'configuration',
    'No server is named: set REKEY_ENDPOINT to the URL of rekey, or AWS_REGION for AWS Secrets Manager.',
  );
}

/**
 * Where the server is: `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `REKEY_ENDPOINT`, `AWS_ENDPOINT_URL`, the first that is set and
 * not empty (the last speaks for every AWS service, so it comes last); null for AWS itself.
 */
function endpointFrom(environment: Environment): string | null {
  return (
    environment.AWS_ENDPOINT_URL_SECRETS_MANAGER || environment.REKEY_ENDPOINT || environment.AWS_ENDPOINT_URL || null
  );
}

/** `AWS_REGION`, `AWS_DEFAULT_REGION` or `REKEY_REGION`; null when none is set. */
function regionFrom(environment: Environment): string | null {
  return environment.AWS_REGION || environment.AWS_DEFAULT_REGION || environment.REKEY_REGION || null;
}

/** The address of AWS Secrets Manager itself in a region. */
function awsEndpoint(region: string): string {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `https://secretsmanager.${region}.${domain}`;
}

/**
 * Reads an endpoint. Plain HTTP beyond this machine would show every secret to the network, so it must be asked for.
 *
 * @throws RekeyClientError `configuration`
 */
function checkedEndpoint(text: string, insecureHttp: boolean): URL {
  if (!URL.canParse(text))
    throw new RekeyClientError(
      'configuration',
      'The endpoint is not a URL; give one such as https://rekey.example:7420.',
    );
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw new RekeyClientError(
      'configuration',
      `The endpoint at ${url.host} carries a user or password; give credentials apart from the URL.`,
    );
  if (url.protocol === 'https:' || (url.protocol === 'http:' && (insecureHttp || isLoopback(url.hostname)))) return url;
  throw new RekeyClientError(
    'configuration',
    `The endpoint ${url.origin} would carry secrets in clear over the network; use https, or insecureHttp: true where something else protects the way.`,
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host) || host.endsWith('.localhost');
}

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './environment.ts';

/** Settings of one section, names in lower case. */
export type Profile = Readonly<Record<string, string>>;

/**
 * Settings of the chosen profile (`AWS_PROFILE`, else `default`) out of AWS's two shared files; those of the credentials
 * file win. Empty when neither file exists
 * (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html).
 */
export async function readProfile(environment: Environment): Promise<Profile> {
  const name = environment.AWS_PROFILE ?? 'default';
  const folder = join(environment.HOME ?? homedir(), '.aws');
  const [config, credentials] = await Promise.all([
    readIfThere(environment.AWS_CONFIG_FILE ?? join(folder, 'config')),
    readIfThere(environment.AWS_SHARED_CREDENTIALS_FILE ?? join(folder, 'credentials')),
  ]);
  const configSection = name === 'default' ? ['default', 'profile default'] : [`profile ${name}`];
  return { ...sectionOf(config, configSection), ...sectionOf(credentials, [name]) };
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Reads the sections of the given names out of an INI text. Nested settings (indented lines) are left out. */
export function sectionOf(text: string, names: readonly string[]): Profile {
  const settings: Record<string, string> = {};
  let wanted = false;
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\[\s*([^\]]+?)\s*\]/.exec(line);
    if (heading) wanted = names.includes(heading[1]!.replace(/\s+/g, ' '));
    const setting = wanted ? /^([^\s#;=[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) : null;
    if (setting) settings[setting[1]!.toLowerCase()] = setting[2]!.replace(/\s+[#;].*$/, '');
  }
  return settings;
}

import { DEFAULT_BREACH_SETTINGS } from '../engine/breach/breach-engine.ts';
import type { BreachSettings } from '../store/breach-record.ts';
import type { FileConfig } from './config-file.ts';

/** Who may tell of leaked values by webhook. */
export interface BreachWebhooksConfig {
  /** GitHub's partner format; keys by identifier in files instead of those fetched. Null: not taken. */
  readonly githubPartner: { readonly keysUrl: string; readonly keyFiles: Readonly<Record<string, string>> } | null;
  /** GitHub's secret scanning alerts. Null: not taken. */
  readonly githubAlert: { readonly api: string; readonly secretFile: string; readonly tokenFile: string } | null;
  readonly generic: readonly { readonly name: string; readonly secretFile: string }[];
  /** Requests a minute of one address, and values a minute in all that is signed. */
  readonly perSource: number;
  readonly overall: number;
}

/** What is done about leaked values, and who may tell of them. */
export interface BreachConfig {
  readonly settings: BreachSettings;
  readonly webhooks: BreachWebhooksConfig;
}

const PARTNER_KEYS = 'https://api.github.com/meta/public_keys/secret_scanning';
const GITHUB_API = 'https://api.github.com';
const PER_SOURCE = 60;
const OVERALL = 600;

/** The section `breach` of `rekey.yaml`, with its defaults. */
export function breachConfig(section: FileConfig['breach'] = {}): BreachConfig {
  const { overlap, sessions, webhooks = {} } = section;
  const { githubPartner, githubAlert, generic = [], perSource = PER_SOURCE, overall = OVERALL } = webhooks;
  return {
    settings: {
      overlap: overlap ?? DEFAULT_BREACH_SETTINGS.overlap,
      endSessions: sessions === undefined ? DEFAULT_BREACH_SETTINGS.endSessions : sessions === 'end',
    },
    webhooks: {
      githubPartner:
        githubPartner === undefined
          ? null
          : { keysUrl: githubPartner.keysUrl ?? PARTNER_KEYS, keyFiles: githubPartner.keyFiles ?? {} },
      githubAlert:
        githubAlert === undefined ? null : { ...githubAlert, api: (githubAlert.api ?? GITHUB_API).replace(/\/+$/, '') },
      generic,
      perSource,
      overall,
    },
  };
}

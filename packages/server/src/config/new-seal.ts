import type { Environment, SealSettings } from '../seal/open-seal.ts';
import { readConfigFile } from './config.ts';
import { readSealSettings, type SealFlags } from './seal-settings.ts';

/**
 * The seal that is to take over: from the command line, or from a `rekey.yaml` as it is to be. What the environment says
 * of a seal is said of the present one, but for what the new one is reached by.
 *
 * @throws RekeyError `invalid-input` with one sentence
 */
export async function readNewSeal(
  flags: SealFlags & { readonly config?: string },
  { dataFolder, environment }: { readonly dataFolder: string; readonly environment: Environment },
): Promise<{ readonly settings: SealSettings; readonly environment: Environment }> {
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config, null);
  const { REKEY_NEW_PASSPHRASE, REKEY_VAULT_TOKEN, REKEY_VAULT_TOKEN_FILE } = environment;
  const own = {
    ...(REKEY_NEW_PASSPHRASE === undefined ? {} : { REKEY_PASSPHRASE: REKEY_NEW_PASSPHRASE }),
    ...(REKEY_VAULT_TOKEN === undefined ? {} : { REKEY_VAULT_TOKEN }),
    ...(REKEY_VAULT_TOKEN_FILE === undefined ? {} : { REKEY_VAULT_TOKEN_FILE }),
  };
  const settings = readSealSettings({ flags, section: file.seal, environment: own, dataFolder });
  return { settings, environment: { ...environment, REKEY_PASSPHRASE: REKEY_NEW_PASSPHRASE } };
}

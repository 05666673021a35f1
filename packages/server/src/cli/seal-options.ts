import { type Command, Option } from 'commander';

/** The options that name a seal. Passphrases and tokens are in files or the environment: argv is read by everybody. */
export function withSealOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--seal <kind>', 'local-key (default), passphrase, aws-kms or vault-transit (also REKEY_SEAL)'),
    )
    .option('--key-file <file>', 'key file of the seal local-key (default: the file `key` in the data folder)')
    .option('--passphrase-file <file>', 'file with the passphrase of the seal passphrase')
    .option('--kms-key <id>', 'id, ARN or alias of the key of the seal aws-kms')
    .option('--vault-address <url>', 'where Vault is, for the seal vault-transit')
    .option('--vault-key <name>', 'name of the transit key (default rekey)');
}

/** For the help of commands with these options. */
export const SEAL_ENVIRONMENT = `  REKEY_SEAL, REKEY_KEY_FILE, REKEY_PASSPHRASE_FILE, REKEY_KMS_KEY, REKEY_VAULT_ADDRESS, REKEY_VAULT_KEY
                    as the options
  REKEY_PASSPHRASE, REKEY_VAULT_TOKEN (or with _FILE)
                    what opens the seal; never an option
  AWS_REGION, AWS_ACCESS_KEY_ID …, AWS_ENDPOINT_URL_KMS
                    for the seal aws-kms, as AWS's tools read them; docs/keys.md has the section \`seal\` of rekey.yaml`;

// What a Go application does with AWS's SDK, against the endpoint that its environment names. Prints one line per check.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var checks = 0

func check(truth bool, what string) {
	if !truth {
		fmt.Fprintln(os.Stderr, "not so:", what)
		os.Exit(1)
	}
	checks++
	fmt.Println("fine:", what)
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

// The name of a secret that is there, its value, and a role that may read it: given as arguments.
func main() {
	ctx := context.Background()
	loaded := must(config.LoadDefaultConfig(ctx))
	secrets := secretsmanager.NewFromConfig(loaded)
	tokens := sts.NewFromConfig(loaded)
	known, value, role := os.Args[1], os.Args[2], os.Args[3]

	created := must(secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String("go/one"), SecretBinary: []byte{0, 255}, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	}))
	check(*created.Name == "go/one", "CreateSecret")
	bytes := must(secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: created.ARN}))
	check(string(bytes.SecretBinary) == "\x00\xff" && bytes.CreatedDate != nil, "GetSecretValue of bytes")

	_, err := secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("go/none")})
	var missing *types.ResourceNotFoundException
	check(errors.As(err, &missing), "ResourceNotFoundException arrives typed")
	_, err = secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("go/one"), SecretString: aws.String("x")})
	var exists *types.ResourceExistsException
	check(errors.As(err, &exists), "ResourceExistsException arrives typed")

	batch := must(secrets.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{known, "go/none"}}))
	check(len(batch.SecretValues) == 1 && *batch.Errors[0].ErrorCode == "ResourceNotFoundException", "BatchGetSecretValue")

	pages := secretsmanager.NewListSecretsPaginator(secrets, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)})
	count := 0
	for pages.HasMorePages() {
		count += len(must(pages.NextPage(ctx)).SecretList)
	}
	check(count == 2, "the paginator of ListSecrets")

	identity := must(tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	check(*identity.Account == "000000000000", "GetCallerIdentity")
	assumed := loaded.Copy()
	assumed.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(tokens, role))
	read := must(secretsmanager.NewFromConfig(assumed).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(known)}))
	check(*read.SecretString == value, "a role assumed by the SDK's provider reads")
	fmt.Println("checks:", checks)
}

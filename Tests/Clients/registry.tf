# What a platform team declares: a key, a secret, cache rules, a template and a repository with its policies.

resource "aws_kms_key" "content" {
  description             = "seals what the registry keeps"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  tags                    = { team = "platform" }
}

resource "aws_kms_alias" "content" {
  name          = "alias/registry-content"
  target_key_id = aws_kms_key.content.key_id
}

# Looked for before anything has needed its key.
data "aws_kms_alias" "ecr" {
  name = "alias/aws/ecr"
}

resource "aws_secretsmanager_secret" "hub" {
  name                    = "ecr-pullthroughcache/terraform"
  description             = "for the hub"
  recovery_window_in_days = 0
  tags                    = { team = "platform" }
}

resource "aws_secretsmanager_secret_version" "hub" {
  secret_id     = aws_secretsmanager_secret.hub.id
  secret_string = jsonencode({ username = "robot", accessToken = "token" })
}

resource "aws_ecr_pull_through_cache_rule" "public" {
  ecr_repository_prefix = "declared"
  upstream_registry_url = "public.ecr.aws"
}

resource "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = "declared-hub"
  upstream_registry_url = "registry-1.docker.io"
  credential_arn        = aws_secretsmanager_secret.hub.arn
}

# Another registry of the same kind, of another account, its names under a prefix of their own.
resource "aws_ecr_pull_through_cache_rule" "ecr" {
  ecr_repository_prefix      = "declared-ecr"
  upstream_registry_url      = "444455556666.dkr.ecr.eu-west-1.amazonaws.com"
  upstream_repository_prefix = "team"
  custom_role_arn            = "arn:aws:iam::111122223333:role/ecr-cache"
}

data "aws_iam_policy_document" "pullers" {
  statement {
    sid     = "others"
    effect  = "Allow"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::444455556666:root"]
    }
  }
}

data "aws_ecr_lifecycle_policy_document" "tidy" {
  rule {
    priority    = 1
    description = "few untagged"
    selection {
      tag_status   = "untagged"
      count_type   = "imageCountMoreThan"
      count_number = 10
    }
    action {
      type = "expire"
    }
  }
}

resource "aws_ecr_repository_creation_template" "declared" {
  prefix               = "declared"
  description          = "the templates description"
  applied_for          = ["PULL_THROUGH_CACHE"]
  image_tag_mutability = "IMMUTABLE"
  custom_role_arn      = "arn:aws:iam::111122223333:role/ecr-template"
  repository_policy    = data.aws_iam_policy_document.pullers.json
  lifecycle_policy     = data.aws_ecr_lifecycle_policy_document.tidy.json
  resource_tags        = { team = "platform" }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.content.arn
  }
}

resource "aws_ecr_repository" "app" {
  name                 = "terraform/app"
  image_tag_mutability = "IMMUTABLE"
  tags                 = { team = "platform" }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.content.arn
  }
}

resource "aws_ecr_repository_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy     = data.aws_iam_policy_document.pullers.json
}

resource "aws_ecr_lifecycle_policy" "app" {
  repository = aws_ecr_repository.app.name
  policy     = data.aws_ecr_lifecycle_policy_document.tidy.json
}

# A repository with what providers call its defaults.
resource "aws_ecr_repository" "plain" {
  name         = "terraform/plain"
  force_delete = true
  image_scanning_configuration {
    scan_on_push = true
  }
}

# What is set for the whole registry.

data "aws_iam_policy_document" "importers" {
  statement {
    sid       = "caches"
    effect    = "Allow"
    actions   = ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"]
    resources = ["arn:aws:ecr:us-east-2:111122223333:repository/declared/*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::444455556666:root"]
    }
  }
}

resource "aws_ecr_registry_policy" "importers" {
  policy = data.aws_iam_policy_document.importers.json
}

resource "aws_ecr_registry_scanning_configuration" "scanning" {
  scan_type = "BASIC"
  rule {
    scan_frequency = "SCAN_ON_PUSH"
    repository_filter {
      filter      = "terraform/*"
      filter_type = "WILDCARD"
    }
  }
}

resource "aws_ecr_replication_configuration" "copies" {
  replication_configuration {
    rule {
      destination {
        region      = "eu-west-1"
        registry_id = "111122223333"
      }
      repository_filter {
        filter      = "terraform/copied"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}

resource "aws_ecr_account_setting" "scope" {
  name  = "REGISTRY_POLICY_SCOPE"
  value = "V2"
}

resource "aws_ecr_account_setting" "scanner" {
  name  = "BASIC_SCAN_TYPE_VERSION"
  value = "AWS_NATIVE"
}

# What can be looked up.

data "aws_caller_identity" "me" {}

data "aws_ecr_authorization_token" "token" {}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "uri" {
  value = aws_ecr_repository.app.repository_url
}

output "key" {
  value = aws_kms_key.content.arn
}

data "aws_kms_key" "content" {
  key_id = aws_kms_alias.content.name
}

data "aws_secretsmanager_secret_version" "hub" {
  secret_id  = aws_secretsmanager_secret.hub.id
  depends_on = [aws_secretsmanager_secret_version.hub]
}

data "aws_ecr_repositories" "all" {
  depends_on = [aws_ecr_repository.app, aws_ecr_repository.plain]
}

data "aws_ecr_repository" "app" {
  name = aws_ecr_repository.app.name
}

data "aws_ecr_pull_through_cache_rule" "hub" {
  ecr_repository_prefix = aws_ecr_pull_through_cache_rule.hub.ecr_repository_prefix
}

data "aws_ecr_repository_creation_template" "declared" {
  prefix = aws_ecr_repository_creation_template.declared.prefix
}

# Pushed before anything is declared.
data "aws_ecr_image" "pushed" {
  repository_name = "terraform-pushed"
  most_recent     = true
}

data "aws_ecr_image" "tagged" {
  repository_name = "terraform-pushed"
  image_tag       = "v1"
}

output "looked_up" {
  value = {
    key        = data.aws_kms_key.content.arn
    secret     = nonsensitive(data.aws_secretsmanager_secret_version.hub.secret_string)
    names      = sort(data.aws_ecr_repositories.all.names)
    encryption = data.aws_ecr_repository.app.encryption_configuration[0].encryption_type
    credential = data.aws_ecr_pull_through_cache_rule.hub.credential_arn
    template   = data.aws_ecr_repository_creation_template.declared.description
    applied    = tolist(data.aws_ecr_repository_creation_template.declared.applied_for)
    image      = data.aws_ecr_image.pushed.image_digest
    image_uri  = data.aws_ecr_image.tagged.image_uri
    image_size = data.aws_ecr_image.tagged.image_size_in_bytes
    user       = data.aws_ecr_authorization_token.token.user_name
  }
}

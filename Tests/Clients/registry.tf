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

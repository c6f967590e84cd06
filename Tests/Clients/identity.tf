# What a platform team declares of its people and machines: users in groups, roles, policies of every kind, and an issuer.

resource "aws_iam_account_alias" "team" {
  account_alias = "platform-team"
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid       = "pull"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:aws:ecr:*:*:repository/apps/*"]
  }
  statement {
    sid       = "signIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "ceiling" {
  statement {
    actions   = ["ecr:*"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "pull" {
  name        = "pull-apps"
  path        = "/platform/"
  description = "pulls of apps"
  policy      = data.aws_iam_policy_document.pull.json
  tags        = { team = "platform", Team = "told apart by case" }
}

resource "aws_iam_policy" "ceiling" {
  name   = "ceiling"
  policy = data.aws_iam_policy_document.ceiling.json
}

# AWS's own.
data "aws_iam_policy" "read_only" {
  name = "AmazonEC2ContainerRegistryReadOnly"
}

resource "aws_iam_user" "robot" {
  name                 = "robot"
  path                 = "/machines/"
  permissions_boundary = aws_iam_policy.ceiling.arn
  force_destroy        = true
  tags                 = { team = "platform" }
}

resource "aws_iam_access_key" "robot" {
  user   = aws_iam_user.robot.name
  status = "Active"
}

resource "aws_iam_user_policy" "robot" {
  name   = "own"
  user   = aws_iam_user.robot.name
  policy = data.aws_iam_policy_document.ceiling.json
}

resource "aws_iam_user_policy_attachment" "robot" {
  user       = aws_iam_user.robot.name
  policy_arn = aws_iam_policy.pull.arn
}

resource "aws_iam_group" "developers" {
  name = "developers"
  path = "/people/"
}

resource "aws_iam_group_policy" "developers" {
  name   = "own"
  group  = aws_iam_group.developers.name
  policy = data.aws_iam_policy_document.pull.json
}

resource "aws_iam_group_policy_attachment" "developers" {
  group      = aws_iam_group.developers.name
  policy_arn = data.aws_iam_policy.read_only.arn
}

resource "aws_iam_user_group_membership" "robot" {
  user   = aws_iam_user.robot.name
  groups = [aws_iam_group.developers.name]
}

resource "aws_iam_openid_connect_provider" "forge" {
  url             = "https://forge.example/issuer"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["0123456789abcdef0123456789abcdef01234567"]
  tags            = { team = "platform" }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.forge.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "forge.example/issuer:sub"
      values   = ["repo:team/app"]
    }
  }
}

resource "aws_iam_role" "ci" {
  name                 = "ci"
  path                 = "/machines/"
  description          = "what the forge may do"
  max_session_duration = 7200
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.ceiling.arn
  tags                 = { team = "platform" }
}

resource "aws_iam_role_policy" "ci" {
  name   = "own"
  role   = aws_iam_role.ci.name
  policy = data.aws_iam_policy_document.pull.json
}

resource "aws_iam_role_policy_attachment" "ci" {
  role       = aws_iam_role.ci.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser"
}

resource "aws_iam_instance_profile" "ci" {
  name = "ci"
  role = aws_iam_role.ci.name
  tags = { team = "platform" }
}

data "aws_iam_principal_policy_simulation" "robot" {
  policy_source_arn = aws_iam_user.robot.arn
  action_names      = ["ecr:BatchGetImage", "ecr:PutImage"]
  resource_arns     = ["arn:aws:ecr:us-east-2:111122223333:repository/apps/web"]
  depends_on = [
    aws_iam_user_policy.robot, aws_iam_user_policy_attachment.robot, aws_iam_user_group_membership.robot,
  ]
}

data "aws_iam_user" "robot" {
  user_name = aws_iam_user.robot.name
}

data "aws_iam_group" "developers" {
  group_name = aws_iam_group.developers.name
  depends_on = [aws_iam_user_group_membership.robot]
}

data "aws_iam_role" "ci" {
  name = aws_iam_role.ci.name
}

data "aws_iam_policy" "pull" {
  arn = aws_iam_policy.pull.arn
}

# IAM tells the URL without its scheme, and the lookup wants it with one.
data "aws_iam_openid_connect_provider" "forge" {
  url        = "https://forge.example/issuer"
  depends_on = [aws_iam_openid_connect_provider.forge]
}

data "aws_iam_instance_profile" "ci" {
  name = aws_iam_instance_profile.ci.name
}

data "aws_iam_account_alias" "team" {
  depends_on = [aws_iam_account_alias.team]
}

output "looked_up" {
  value = {
    user      = data.aws_iam_user.robot.user_id
    members   = data.aws_iam_group.developers.users[*].user_name
    role      = data.aws_iam_role.ci.unique_id
    policy    = data.aws_iam_policy.pull.policy_id
    read_only = data.aws_iam_policy.read_only.arn
    audiences = data.aws_iam_openid_connect_provider.forge.client_id_list
    profile   = data.aws_iam_instance_profile.ci.role_name
    alias     = data.aws_iam_account_alias.team.account_alias
    decisions = [for result in data.aws_iam_principal_policy_simulation.robot.results : result.decision]
  }
}

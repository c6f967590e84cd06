/// The documents as AWS has them, white space apart.
extension AWSManagedPolicies {
    package static let all: [Policy] = [
        Policy(
            "/", "AdministratorAccess", version: 1, created: 1_423_247_986, changed: 1_423_247_986,
            #"""
            {"Statement":[{"Action":"*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "PowerUserAccess", version: 12, created: 1_423_247_987, changed: 1_770_919_154,
            #"""
            {"Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},
            {"Action":["account:GetAccountInformation","account:GetGovCloudAccountInformation","account:GetPrimaryEmail","account:ListRegions",
            "iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole","iam:ListRoles","organizations:DescribeEffectivePolicy",
            "organizations:DescribeOrganization"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "ReadOnlyAccess", version: 182, created: 1_423_247_988, changed: 1_775_230_032,
            AWSReadOnlyAccess.text),
        Policy(
            "/", "AmazonEC2ContainerRegistryFullAccess", version: 3, created: 1_450_717_608, changed: 1_607_126_659,
            #"""
            {"Statement":[{"Action":["ecr:*","cloudtrail:LookupEvents"],"Effect":"Allow","Resource":"*"},{"Action":["iam:CreateServiceLinkedRole"],
            "Condition":{"StringEquals":{"iam:AWSServiceName":["replication.ecr.amazonaws.com"]}},"Effect":"Allow","Resource":"*"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AmazonEC2ContainerRegistryPowerUser", version: 3, created: 1_450_717_533, changed: 1_576_010_888,
            #"""
            {"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy",
            "ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings","ecr:InitiateLayerUpload","ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload","ecr:PutImage"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AmazonEC2ContainerRegistryReadOnly", version: 3, created: 1_450_717_455, changed: 1_576_011_392,
            #"""
            {"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer",
            "ecr:GetRepositoryPolicy","ecr:DescribeRepositories","ecr:ListImages","ecr:DescribeImages","ecr:BatchGetImage","ecr:GetLifecyclePolicy",
            "ecr:GetLifecyclePolicyPreview","ecr:ListTagsForResource","ecr:DescribeImageScanFindings"],"Effect":"Allow","Resource":"*"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AmazonEC2ContainerRegistryPullOnly", version: 1, created: 1_728_061_129, changed: 1_728_061_129,
            #"""
            {"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage"],
            "Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/aws-service-role/", "AWSECRPullThroughCache_ServiceRolePolicy", version: 3, created: 1_637_963_469,
            changed: 1_741_296_127,
            #"""
            {"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:InitiateLayerUpload","ecr:UploadLayerPart",
            "ecr:CompleteLayerUpload","ecr:PutImage","ecr:BatchGetImage","ecr:BatchImportUpstreamImage","ecr:GetDownloadUrlForLayer",
            "ecr:GetImageCopyStatus"],"Effect":"Allow","Resource":"*","Sid":"ECR"},{"Action":["secretsmanager:GetSecretValue"],
            "Condition":{"StringEquals":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}},"Effect":"Allow",
            "Resource":"arn:aws:secretsmanager:*:*:secret:ecr-pullthroughcache/*","Sid":"SecretsManager"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/aws-service-role/", "ECRReplicationServiceRolePolicy", version: 1, created: 1_607_119_888, changed: 1_607_119_888,
            #"""
            {"Statement":[{"Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/aws-service-role/", "ECRTemplateServiceRolePolicy", version: 1, created: 1_718_838_697, changed: 1_718_838_697,
            #"""
            {"Statement":[{"Action":["ecr:CreateRepository"],"Effect":"Allow","Resource":"*","Sid":"CreateRepositoryWithTemplate"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "IAMFullAccess", version: 2, created: 1_423_248_038, changed: 1_561_146_000,
            #"""
            {"Statement":[{"Action":["iam:*","organizations:DescribeAccount","organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit","organizations:DescribePolicy","organizations:ListChildren","organizations:ListParents",
            "organizations:ListPoliciesForTarget","organizations:ListRoots","organizations:ListPolicies","organizations:ListTargetsForPolicy"],
            "Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "IAMReadOnlyAccess", version: 4, created: 1_423_248_039, changed: 1_516_907_487,
            #"""
            {"Statement":[{"Action":["iam:GenerateCredentialReport","iam:GenerateServiceLastAccessedDetails","iam:Get*","iam:List*",
            "iam:SimulateCustomPolicy","iam:SimulatePrincipalPolicy"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "IAMUserChangePassword", version: 5, created: 1_479_169_516, changed: 1_770_919_137,
            #"""
            {"Statement":[{"Action":["iam:ChangePassword"],"Effect":"Allow","Resource":["arn:aws:iam::*:user/${aws:username}",
            "arn:aws:iam::*:user/*/${aws:username}"]},{"Action":["iam:GetAccountPasswordPolicy"],"Effect":"Allow","Resource":"*"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "SecretsManagerReadWrite", version: 5, created: 1_522_865_129, changed: 1_708_625_526,
            #"""
            {"Statement":[{"Action":["secretsmanager:*","cloudformation:CreateChangeSet","cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackResource","cloudformation:DescribeStacks","cloudformation:ExecuteChangeSet","docdb-elastic:GetCluster",
            "docdb-elastic:ListClusters","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","kms:DescribeKey","kms:ListAliases",
            "kms:ListKeys","lambda:ListFunctions","rds:DescribeDBClusters","rds:DescribeDBInstances","redshift:DescribeClusters",
            "redshift-serverless:ListWorkgroups","redshift-serverless:GetNamespace","tag:GetResources"],"Effect":"Allow","Resource":"*",
            "Sid":"BasePermissions"},{"Action":["lambda:AddPermission","lambda:CreateFunction","lambda:GetFunction","lambda:InvokeFunction",
            "lambda:UpdateFunctionConfiguration"],"Effect":"Allow","Resource":"arn:aws:lambda:*:*:function:SecretsManager*","Sid":"LambdaPermissions"},
            {"Action":["serverlessrepo:CreateCloudFormationChangeSet","serverlessrepo:GetApplication"],"Effect":"Allow",
            "Resource":"arn:aws:serverlessrepo:*:*:applications/SecretsManager*","Sid":"SARPermissions"},{"Action":["s3:GetObject"],"Effect":"Allow",
            "Resource":["arn:aws:s3:::awsserverlessrepo-changesets*","arn:aws:s3:::secrets-manager-rotation-apps-*/*"],"Sid":"S3Permissions"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AWSKeyManagementServicePowerUser", version: 2, created: 1_423_248_040, changed: 1_488_848_111,
            #"""
            {"Statement":[{"Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*",
            "kms:TagResource","kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"],"Effect":"Allow","Resource":"*"}],
            "Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AmazonEKSWorkerNodePolicy", version: 3, created: 1_527_455_341, changed: 1_701_043_573,
            #"""
            {"Statement":[{"Action":["ec2:DescribeInstances","ec2:DescribeInstanceTypes","ec2:DescribeRouteTables","ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets","ec2:DescribeVolumes","ec2:DescribeVolumesModifications","ec2:DescribeVpcs","eks:DescribeCluster",
            "eks-auth:AssumeRoleForPodIdentity"],"Effect":"Allow","Resource":"*","Sid":"WorkerNodePermissions"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/", "AmazonEKS_CNI_Policy", version: 6, created: 1_527_455_262, changed: 1_772_651_534,
            #"""
            {"Statement":[{"Action":["ec2:AssignPrivateIpAddresses","ec2:AttachNetworkInterface","ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface","ec2:DescribeInstances","ec2:DescribeTags","ec2:DescribeNetworkInterfaces","ec2:DescribeInstanceTypes",
            "ec2:DescribeSubnets","ec2:DescribeSecurityGroups","ec2:DetachNetworkInterface","ec2:ModifyNetworkInterfaceAttribute",
            "ec2:UnassignPrivateIpAddresses"],"Effect":"Allow","Resource":"*","Sid":"AmazonEKSCNIPolicy"},{"Action":["ec2:CreateTags"],"Effect":"Allow",
            "Resource":["arn:aws:ec2:*:*:network-interface/*"],"Sid":"AmazonEKSCNIPolicyENITag"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/service-role/", "AmazonECSTaskExecutionRolePolicy", version: 1, created: 1_510_858_102, changed: 1_510_858_102,
            #"""
            {"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:GetDownloadUrlForLayer","ecr:BatchGetImage",
            "logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
        Policy(
            "/service-role/", "AWSAppRunnerServicePolicyForECRAccess", version: 1, created: 1_621_019_841, changed: 1_621_019_841,
            #"""
            {"Statement":[{"Action":["ecr:GetDownloadUrlForLayer","ecr:BatchGetImage","ecr:DescribeImages","ecr:GetAuthorizationToken",
            "ecr:BatchCheckLayerAvailability"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
            """#),
    ]
}

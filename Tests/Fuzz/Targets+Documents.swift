import NIOCore
import WeirCore

extension FuzzTarget {
    private static let digest = "sha256:" + String(repeating: "0a", count: 32)
    private static let oci = "application/vnd.oci.image.manifest.v1+json"

    static let documents: [FuzzTarget] = [manifest, policy, lifecycle]

    private static let manifest = FuzzTarget(
        "manifest",
        texts: [
            """
            {"schemaVersion":2,"mediaType":"\(oci)","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\(digest)","size":2},\
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"\(digest)","size":9437184}],"annotations":{"a":"b"}}
            """,
            """
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"\(oci)","digest":"\(digest)","size":4,\
            "platform":{"architecture":"amd64","os":"linux","variant":"v8","os.features":["x"]}}],"subject":{"mediaType":"\(oci)","digest":"\(digest)","size":1}}
            """,
            #"{"schemaVersion":1,"fsLayers":[{"blobSum":"\#(digest)"}],"history":[]}"#,
        ],
        words: [
            #""layers":"#, #""manifests":[]"#, #""subject":"#, #""size":"#, #""config":null"#, #""blobs":"#,
            #""artifactType":"a/b""#, #""urls":["#, digest, oci,
        ]
    ) { text in
        outcome {
            let manifest = try Manifest(ByteBuffer(string: text), contentType: nil)
            switch manifest.shape {
            case .image(let config, let layers):
                return .taken(
                    "image", config == nil ? "" : "config", layers.isEmpty ? "" : "layers",
                    manifest.subject == nil ? "" : "subject")
            case .index(let children):
                return .taken("index", children.isEmpty ? "" : "children", manifest.artifactType == nil ? "" : "type")
            }
        }
    }

    private static let policy = FuzzTarget(
        "policy",
        texts: [
            """
            {"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root","444455556666"]},\
            "Action":["ecr:BatchGetImage","ecr:*"],"Resource":"arn:aws:ecr:*:*:repository/${aws:PrincipalAccount}/*",\
            "Condition":{"StringLike":{"aws:UserAgent":["docker*","${aws:UserAgent}"]},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}
            """,
            #"{"Version":"2008-10-17","Statement":{"Effect":"Deny","Principal":"*","NotAction":"ecr:Get*","Condition":{"NumericLessThan":{"ecr:x":"1e3"},"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"},"Bool":{"aws:SecureTransport":"false"},"Null":{"aws:x":"true"}}}}"#,
            #"{"Statement":[{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"*","Condition":{"ForAllValues:StringEqualsIfExists":{"aws:TagKeys":["a","b"]},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/?"}}}]}"#,
            #"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Action":["ecr:Get*","iam:PassRole"],"Resource":["arn:aws:iam::111122223333:role/ci","*"]},{"Effect":"Deny","NotAction":"ecr:*","NotResource":"arn:aws:ecr:*:*:repository/${aws:PrincipalTag/t, 'x'}"}]}"#,
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:o/*"}}}}"#,
        ],
        words: [
            "${aws:UserAgent}", "${aws:username, 'x'}", "${*}", "${$}", "*", "?", #""NotPrincipal":"#, #""StringNotLike":"#,
            "ForAnyValue:", "IfExists", "NotIpAddress",
            "NumericEquals", "DateLessThan", "BinaryEquals", "::/0", "2001:db8::/129", "0.0.0.0/33", #""ecr:ResourceTag/a":"#,
            #""Effect":"Deny""#, #""NotResource":"#, "sts:AssumeRole", "sts:*", "ecr:BatchGetImage", #""Federated":"#,
        ]
    ) { text in
        let place = PolicyText(text)
        demand(place.replacingPrincipals { _ in nil } == text, "a text that is not changed changes")
        return outcome {
            var policy: PolicyDocument?
            var grammar = PolicyGrammar.resource
            for other in PolicyGrammar.allCases where policy == nil {
                policy = try? PolicyDocument(text, as: other)
                grammar = other
            }
            // The refusal of a text that no grammar takes is the last one's.
            guard let policy else { return .taken("\(try PolicyDocument(text, as: .resource))") }
            demand(place.statements.count == policy.statements.count, "the places of the statements are not theirs")
            demand(Set(policy.principalARNs).isSubset(of: place.principalTexts), "a principal has no place")
            var context = PolicyContext()
            context["aws:UserAgent"] = [String(text.prefix(200))]
            context["aws:SourceIp"] = ["10.1.2.3"]
            context["aws:SecureTransport"] = ["true"]
            context["aws:PrincipalAccount"] = ["111122223333"]
            let caller = Caller.root(of: try AccountID("111122223333"))
            let request = AuthorizationRequest(
                caller: caller, action: "ecr:BatchGetImage", resource: "arn:aws:ecr:us-east-1:111122223333:repository/a",
                owner: caller.account, context: context)
            let layers = PolicyLayers(
                resource: [NamedPolicy(.session, policy)], caller: CallerPolicies(boundary: [NamedPolicy(.session, policy)]))
            let decision = Authorizer.decide(request, layers)
            demand(Explanation(request, layers).decision == decision, "the explanation tells another decision")
            _ = policy.findings(as: grammar)
            return .taken("\(grammar)", "\(policy.answer(to: request))", "\(decision.verdict)")
        }
    }

    private static let lifecycle = FuzzTarget(
        "lifecycle",
        texts: [
            #"{"rules":[{"rulePriority":1,"description":"d","selection":{"tagStatus":"tagged","tagPatternList":["v*"],"countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}},{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}"#,
            #"{"rules":[{"rulePriority":9,"selection":{"tagStatus":"any","countType":"sinceImagePulled","countUnit":"days","countNumber":1},"action":{"type":"transition","targetStorageClass":"archive"}},{"rulePriority":10,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","countUnit":"days","countNumber":90},"action":{"type":"expire"}}]}"#,
        ],
        words: [
            #""tagPrefixList":["a"]"#, #""countNumber":"#, #""rulePriority":"#, "sinceImagePushed", "imageCountMoreThan", "days",
            "standard",
        ]
    ) { text in
        outcome {
            let plan = try LifecyclePolicy(text).plan(for: images, at: Timestamp(seconds: 1_800_000_000))
            return .taken(String(repeating: "a", count: plan.steps.count))
        }
    }

    /// With times at the edges, and each naming the next image.
    private static let images: [LifecycleImage] = {
        let moments: [Int64] = [
            0, 1, -1, 1_799_999_999_000_000, 1_800_000_000_000_000, 4_102_444_800_000_000, -62_135_596_800_000_000,
            253_402_300_799_000_000,
        ]
        let digests = moments.indices.map { Digest(of: [UInt8($0)]) }
        return moments.indices.map { place in
            LifecycleImage(
                digest: digests[place], tags: place % 2 == 0 ? [] : [try? Tag("v\(place)")].compactMap { $0 },
                pushedAt: Timestamp(microseconds: moments[place]),
                pulledAt: Timestamp(microseconds: moments[moments.count - 1 - place]),
                status: place % 3 == 0 ? .archived : .active,
                archivedAt: Timestamp(microseconds: moments[place]), subject: place == 3 ? digests[4] : nil,
                children: [digests[(place + 1) % digests.count]])
        }
    }()
}

import NIOCore
import Testing
import WeirCore
import WeirWeb

/// Answers and refusals of the Query protocol, byte for byte.
@Suite struct QueryAnswerTests {
    private static let id = "11111111-2222-4333-8444-555555555555"
    private static let metadata = "<ResponseMetadata><RequestId>\(id)</RequestId></ResponseMetadata>"

    private static let operations: [AWSOperation] = [
        AWSOperation(.iam, "Everything", may: .none) { _ in
            [
                "Tags": [["Key": "a", "Value": ""], ["Key": "b", "Value": "<&>\"\r\n\t\u{1}"]], "Empty": [], "Nothing": [:],
                "Absent": .null, "Count": -3, "IsTruncated": false, "Text": "",
                "CreateDate": .moment(Timestamp(microseconds: 1_771_526_091_999_999)),
                "Document": .policyDocument("{\"a\": \"+~é\"}\r\n"),
            ]
        },
        AWSOperation(.iam, "Change", may: .none, doing: { _ in }),
        AWSOperation(.iam, "Summary", may: .none, answers: .maps("SummaryMap", "Details")) { _ in
            ["SummaryMap": ["Users": 2, "A&B": 0], "Results": [["Details": ["x": "y"]], ["Details": [:]]]]
        },
        AWSOperation(.iam, "Refuse", may: .none) { call in
            throw Refusal(Refusal.Reason(rawValue: try call.input.string("Reason")) ?? .validation, "No <b>")
        },
        AWSOperation(.iam, "Violate", may: .none) { call in
            _ = try call.validated({ try $0.userName() }, { try $0.roleName() })
            return [:]
        },
        AWSOperation(.kms, "Forbidden", may: .none) { _ in throw Refusal(.accessDenied, "not you") },
        AWSOperation(.iam, "Nested", may: .none) { call in
            let entries = try call.input.objects("Entries").map { entry in
                JSONValue.object([
                    "Name": .string(try entry.string("Name")),
                    "Values": .array(try entry.strings("Values").map { .string($0) }),
                ])
            }
            return ["Entries": .array(entries), "Flag": .bool(try call.input.optionalBool("Flag") ?? false)]
        },
    ]

    private static func answer(_ form: String, accept: String? = nil) async throws -> AWSResponse {
        let aws = try await TestAWS(extra: operations)
        return await aws.respond(to: aws.query(form, service: .iam, accept: accept))
    }

    private static func wrapped(_ name: String, _ inner: String) -> String {
        "<\(name)Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\(inner)\(metadata)</\(name)Response>"
    }

    @Test(arguments: [
        (
            "Everything",
            "<EverythingResult><Count>-3</Count><CreateDate>2026-02-19T18:34:51Z</CreateDate>"
                + "<Document>%7B%22a%22%3A%20%22%2B~%C3%A9%22%7D%0D%0A</Document><Empty/><IsTruncated>false</IsTruncated><Nothing/>"
                + "<Tags><member><Key>a</Key><Value></Value></member><member><Key>b</Key>"
                + "<Value>&lt;&amp;&gt;&quot;&#xD;\n\t\u{fffd}</Value></member></Tags><Text></Text></EverythingResult>"
        ),
        ("Change", ""),
        (
            "Summary",
            "<SummaryResult><Results><member><Details><entry><key>x</key><value>y</value></entry></Details></member>"
                + "<member><Details/></member></Results><SummaryMap><entry><key>A&amp;B</key><value>0</value></entry>"
                + "<entry><key>Users</key><value>2</value></entry></SummaryMap></SummaryResult>"
        ),
        (
            "Nested&Flag=true&Entries.member.1.Name=n&Entries.member.1.Values.member.2=q&Entries.member.1.Values.member.1=p"
                + "&Entries.member.4.Name=m&Entries.member.4.Values=",
            "<NestedResult><Entries><member><Name>n</Name><Values><member>p</member><member>q</member></Values></member>"
                + "<member><Name>m</Name><Values/></member></Entries><Flag>true</Flag></NestedResult>"
        ),
    ])
    func inXML(form: String, inner: String) async throws {
        let response = try await Self.answer("Action=\(form)&Version=2010-05-08")
        let name = String(form.prefix { $0 != "&" })
        #expect(response.status == 200 && String(buffer: response.body) == Self.wrapped(name, inner))
    }

    @Test func inJSONMapsAreObjectsAndMomentsAreNumbers() async throws {
        let summary = try await Self.answer("Action=Summary", accept: "application/json")
        let result = try JSONValue(parsing: summary.body.readableBytesView)["SummaryResponse"]?["SummaryResult"]
        #expect(result?["SummaryMap"] == ["Users": 2, "A&B": 0])
        let all = try await Self.answer("Action=Everything", accept: "application/json")
        let members = try JSONValue(parsing: all.body.readableBytesView)["EverythingResponse"]?["EverythingResult"]
        #expect(members?["CreateDate"] == 1_771_526_091 && members?["Empty"] == [])
        let change = try await Self.answer("Action=Change", accept: "application/json")
        #expect(
            try JSONValue(parsing: change.body.readableBytesView)
                == ["ChangeResponse": ["ResponseMetadata": ["RequestId": .string(Self.id)]]])
    }

    @Test(arguments: [
        ("noSuchEntity", 404, "Sender", "NoSuchEntity"), ("contentDamaged", 500, "Receiver", "ServiceFailure"),
        ("deleteConflict", 409, "Sender", "DeleteConflict"), ("accessDenied", 403, "Sender", "AccessDenied"),
    ])
    func refusals(reason: String, status: Int, side: String, code: String) async throws {
        let response = try await Self.answer("Action=Refuse&Reason=\(reason)")
        #expect(response.status == status)
        #expect(
            String(buffer: response.body)
                == "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>\(side)</Type><Code>\(code)</Code>"
                + "<Message>No &lt;b&gt;</Message></Error><RequestId>\(Self.id)</RequestId></ErrorResponse>")
    }

    @Test func violationsAreOneValidationError() async throws {
        let response = try await Self.answer("Action=Violate&UserName=%20")
        #expect(response.status == 400)
        let body = String(buffer: response.body)
        #expect(body.contains("<Code>ValidationError</Code><Message>2 validation errors detected: Value at 'userName' failed"))
        #expect(body.contains("; Value at 'roleName' failed to satisfy constraint: Member must not be null</Message>"))
    }

    /// Nothing in front of this server may read another operation than it does.
    @Test func anOperationIsNamedOnce() async throws {
        let aws = try await TestAWS(extra: Self.operations)
        for form in ["Action=Change&Action=Change", "Action=Change&action=Refuse", "Action=Refuse&ACTION=Change"] {
            let response = await aws.respond(to: aws.query(form, service: .iam))
            #expect(response.status == 400 && String(buffer: response.body).contains("<Code>MalformedQueryString</Code>"))
        }
        let both = aws.query("Action=Change", service: .iam, url: "Action=Change")
        let response = await aws.respond(to: both)
        #expect(response.status == 400 && String(buffer: response.body).contains("is there twice"))
        let small = await aws.respond(to: aws.query("action=Change", service: .iam))
        #expect(String(buffer: small.body).contains("<Code>InvalidAction</Code>"))
        let split = await aws.respond(to: aws.query("Version=2010-05-08", service: .iam, url: "Action=Change"))
        #expect(split.status == 200)
    }

    @Test func hostileFormsAreRefused() async throws {
        let aws = try await TestAWS(extra: Self.operations)
        let forms = [
            "Entries.member.9223372036854775808.Name=x", "Entries.member.01.Name=x", "Entries.member.-1.Name=x", "Entries.Name=x",
            "Entries.member=x", "Entries=x", "Entries.member.1=x", ".=x", "Entries.member.1.Name.member.1=x",
            "Flag=maybe&Entries=",
            "Entries.member.1.Name=x&Entries=x", "a.b.c.d.e.f.g.h.i=x",
        ]
        for form in forms {
            let response = await aws.respond(to: aws.query("Action=Nested&\(form)", service: .iam))
            #expect(response.status == 400 && String(buffer: response.body).contains("<Code>MalformedInput</Code>"), "\(form)")
        }
    }

    @Test func kmsSpellsADenialsMessageTwice() async throws {
        let aws = try await TestAWS(extra: Self.operations)
        let response = await aws.respond(to: aws.request("Forbidden", body: "{}", service: .kms))
        #expect(
            try JSONValue(parsing: response.body.readableBytesView)
                == ["__type": "AccessDeniedException", "message": "not you", "Message": "not you"])
    }
}

/// Each service says only what its clients know.
@Suite struct AWSErrorCodeTests {
    /// Errors that every service of a protocol may answer, as AWS documents them, and what this server says by itself.
    private static let commonJSON: Set = [
        "AccessDeniedException", "ExpiredTokenException", "InvalidSignatureException", "MissingAuthenticationTokenException",
        "SerializationException", "ServiceUnavailableException", "ThrottlingException", "UnknownOperationException",
        "UnrecognizedClientException", "ValidationException", "UnsupportedOperationException", "RequestEntityTooLargeException",
        "ClockSuspectException",
    ]
    private static let commonQuery: Set = [
        "AccessDenied", "ExpiredToken", "InternalFailure", "InvalidAction", "InvalidClientTokenId", "InvalidParameterValue",
        "MalformedInput", "MalformedQueryString", "MissingAuthenticationToken", "RequestEntityTooLarge", "ServiceUnavailable",
        "SignatureDoesNotMatch", "Throttling", "ValidationError", "UnsupportedOperationException", "ClockSuspectException",
    ]

    /// The exceptions of the services' models that are used here.
    private static let models: [AWSService: Set<String>] = [
        .ecr: [
            "EmptyUploadException", "ExclusionAlreadyExistsException", "ExclusionNotFoundException",
            "ImageAlreadyExistsException",
            "ImageArchivedException", "ImageDigestDoesNotMatchException", "ImageNotFoundException",
            "ImageStorageClassUpdateNotSupportedException", "ImageTagAlreadyExistsException", "InvalidLayerException",
            "InvalidLayerPartException", "InvalidParameterException", "InvalidTagParameterException", "KmsException",
            "LayerAlreadyExistsException", "LayerInaccessibleException", "LayerPartTooSmallException", "LayersNotFoundException",
            "LifecyclePolicyNotFoundException", "LifecyclePolicyPreviewInProgressException",
            "LifecyclePolicyPreviewNotFoundException", "LimitExceededException", "PullThroughCacheRuleAlreadyExistsException",
            "PullThroughCacheRuleNotFoundException", "ReferencedImagesNotFoundException", "RegistryPolicyNotFoundException",
            "RepositoryAlreadyExistsException", "RepositoryNotEmptyException", "RepositoryNotFoundException",
            "RepositoryPolicyNotFoundException", "ScanNotFoundException", "SecretNotFoundException", "ServerException",
            "SigningConfigurationNotFoundException", "TemplateAlreadyExistsException", "TemplateNotFoundException",
            "TooManyTagsException", "UnableToAccessSecretException", "UnableToDecryptSecretValueException",
            "UnableToGetUpstreamImageException", "UnableToListUpstreamImageReferrersException", "UnsupportedImageTypeException",
            "UnsupportedUpstreamRegistryException", "UploadNotFoundException",
        ],
        .kms: [
            "AlreadyExistsException", "DisabledException", "IncorrectKeyException", "InvalidAliasNameException",
            "InvalidArnException", "InvalidCiphertextException", "InvalidGrantIdException", "InvalidGrantTokenException",
            "InvalidKeyUsageException", "InvalidMarkerException", "KMSInternalException", "KMSInvalidStateException",
            "LimitExceededException", "MalformedPolicyDocumentException", "NotFoundException", "TagException",
        ],
        .secretsmanager: [
            "DecryptionFailure", "EncryptionFailure", "InternalServiceError", "InvalidNextTokenException",
            "InvalidParameterException", "InvalidRequestException", "LimitExceededException", "MalformedPolicyDocumentException",
            "PublicPolicyException", "ResourceExistsException", "ResourceNotFoundException",
        ],
        .iam: [
            "ConcurrentModification", "DeleteConflict", "EntityAlreadyExists", "EntityTemporarilyUnmodifiable", "InvalidInput",
            "LimitExceeded", "MalformedPolicyDocument", "NoSuchEntity", "OpenIdIdpCommunicationError", "PolicyNotAttachable",
            "ServiceFailure", "UnmodifiableEntity",
        ],
        .sts: [
            "ExpiredTokenException", "IDPCommunicationError", "IDPRejectedClaim", "InvalidAuthorizationMessageException",
            "InvalidIdentityToken", "MalformedPolicyDocument", "PackedPolicyTooLarge",
        ],
    ]

    @Test func everyReasonHasACodeThatTheServicesClientsKnow() throws {
        for service in AWSService.allCases {
            let isQuery = service == .iam || service == .sts
            let model = try #require(Self.models[service == .weir ? .ecr : service])
            let known = model.union(isQuery ? Self.commonQuery : Self.commonJSON)
            var said: Set<String> = [AWSError.failure(of: service).code]
            for reason in Refusal.Reason.allCases {
                let error = AWSError(Refusal(reason, "m"), for: service)
                #expect(known.contains(error.code), "\(service) \(reason): \(error.code)")
                said.insert(error.code)
            }
            #expect(model.isSubset(of: said), "\(service): nothing says \(model.subtracting(said).sorted())")
        }
    }

    @Test(arguments: [
        (Refusal.Reason.noSuchEntity, "NoSuchEntity", 404), (.entityAlreadyExists, "EntityAlreadyExists", 409),
        (.deleteConflict, "DeleteConflict", 409), (.iamLimitExceeded, "LimitExceeded", 409),
        (.iamInvalidInput, "InvalidInput", 400),
        (.malformedPolicyDocument, "MalformedPolicyDocument", 400), (.unmodifiableEntity, "UnmodifiableEntity", 400),
        (.policyNotAttachable, "PolicyNotAttachable", 400), (.concurrentModification, "ConcurrentModification", 409),
        (.entityTemporarilyUnmodifiable, "EntityTemporarilyUnmodifiable", 409),
        (.openIDIdPCommunication, "OpenIdIdpCommunicationError", 400), (.accessDenied, "AccessDenied", 403),
        (.credentialsExpired, "ExpiredToken", 403), (.credentialsUnknown, "InvalidClientTokenId", 403),
        (.signatureInvalid, "SignatureDoesNotMatch", 403), (.validation, "ValidationError", 400),
        (.imageNotFound, "ValidationError", 400),
    ])
    func ofIAM(reason: Refusal.Reason, code: String, status: Int) {
        #expect(AWSError(Refusal(reason, "m"), for: .iam) == AWSError(code: code, status: status, message: "m"))
    }

    @Test(arguments: [
        (Refusal.Reason.invalidIdentityToken, "InvalidIdentityToken", 400), (.idpRejectedClaim, "IDPRejectedClaim", 403),
        (.idpCommunicationError, "IDPCommunicationError", 400), (.packedPolicyTooLarge, "PackedPolicyTooLarge", 400),
        (.webIdentityExpired, "ExpiredTokenException", 400), (.credentialsExpired, "ExpiredToken", 403),
        (.invalidAuthorizationMessage, "InvalidAuthorizationMessageException", 400),
        (.stsInvalidParameterValue, "InvalidParameterValue", 400), (.malformedPolicyDocument, "MalformedPolicyDocument", 400),
    ])
    func ofSTS(reason: Refusal.Reason, code: String, status: Int) {
        #expect(AWSError(Refusal(reason, "m"), for: .sts) == AWSError(code: code, status: status, message: "m"))
    }

    @Test(arguments: [
        (Refusal.Reason.credentialsExpired, AWSService.ecr, "ExpiredTokenException"),
        (.credentialsExpired, .kms, "ExpiredTokenException"), (.publicPolicy, .secretsmanager, "PublicPolicyException"),
        (.malformedResourcePolicy, .secretsmanager, "MalformedPolicyDocumentException"),
        (.malformedPolicyDocument, .kms, "MalformedPolicyDocumentException"),
    ])
    func inJSON(reason: Refusal.Reason, service: AWSService, code: String) {
        #expect(AWSError(Refusal(reason, "m"), for: service) == AWSError(code: code, message: "m"))
    }
}

import NIOCore
import Synchronization
import Testing
import WeirApplication
import WeirCore
import WeirWeb

@Suite struct SigningInTests {
    @Test func aStrangerIsChallengedAsByECR() async throws {
        let house = try await TestHouse()
        for path in ["/v2/", "/v2/app/manifests/latest", "/v2/no/such/address"] {
            let answer = try await house.send("GET", path, signedIn: false)
            #expect(answer.status == 401)
            #expect(answer["WWW-Authenticate"] == "Basic realm=\"https://registry.test/\",service=\"ecr.amazonaws.com\"")
            #expect(answer["Docker-Distribution-Api-Version"] == "registry/2.0")
            #expect(answer.text.contains("\"code\":\"UNAUTHORIZED\""))
        }
    }

    @Test func theChallengeNamesTheRegistryThatWasAsked() async throws {
        let house = try await TestHouse()
        let host = "111122223333.dkr.ecr.us-east-2.localhost:5050"
        let answer = try await house.send("GET", "/v2/", host: host, signedIn: false)
        #expect(answer["WWW-Authenticate"] == "Basic realm=\"https://\(host)/\",service=\"ecr.amazonaws.com\"")
        let forged = try await house.send("GET", "/v2/", host: host + "\"x", signedIn: false)
        #expect(forged["WWW-Authenticate"]?.contains("registry.test") == true)
    }

    @Test func aTokenOpensTheDoor() async throws {
        let house = try await TestHouse()
        let answer = try await house.send("GET", "/v2/")
        #expect(answer.status == 200)
        #expect(answer["Docker-Distribution-Api-Version"] == "registry/2.0")
    }

    @Test func anExpiredTokenIsRefusedInECRsWords() async throws {
        let house = try await TestHouse()
        let old = try house.authorization()
        house.pass(.seconds(12 * 3_600 + 1))
        let answer = try await house.send("GET", "/v2/", ["Authorization": old], signedIn: false)
        #expect(answer.status == 403)
        #expect(answer.text.contains("\"code\":\"DENIED\""))
        #expect(answer.text.contains("Your authorization token has expired. Reauthenticate and try again."))
    }

    @Test(
        "Credentials that are nobody's",
        arguments: ["Basic !!!", "Basic QVdTOnB3", "Bearer abc", "Basic", "", "Basic " + String(repeating: "A", count: 9_000)])
    func refused(header: String) async throws {
        let house = try await TestHouse()
        #expect(try await house.send("GET", "/v2/", ["Authorization": header], signedIn: false).status == 401)
    }

    @Test("What podman sends without a login is told as none", arguments: [nil, "Basic Og==", "Bearer abc"])
    func nobody(header: String?) async throws {
        let house = try await TestHouse()
        let answer = try await house.send("GET", "/v2/", header.map { ["Authorization": $0] } ?? [:], signedIn: false)
        #expect(answer.status == 401)
        #expect(answer.text.contains(header == "Bearer abc" ? "Basic authentication is needed" : "no login was sent"))
    }

    @Test func aTokenIsGoodInItsOwnRegionOnly() async throws {
        let house = try await TestHouse()
        let answer = try await house.send("GET", "/v2/", host: "111122223333.dkr.ecr.eu-west-1.localhost")
        #expect(answer.status == 403)
        #expect(answer.text.contains("us-east-2, not eu-west-1"))
    }

    @Test func anotherAccountsRegistryAsksItsPolicies() async throws {
        let house = try await TestHouse()
        let answer = try await house.send(
            "GET", "/v2/app/manifests/latest", host: "444455556666.dkr.ecr.us-east-2.localhost")
        #expect(answer.status == 403)
        #expect(
            answer.text.contains(
                "is not authorized to perform: ecr:BatchGetImage on resource: "
                    + "arn:aws:ecr:us-east-2:444455556666:repository/app because no resource-based policy allows"))
    }
}

@Suite struct RouterTests {
    @Test func whoIsShownWhere() async throws {
        let house = try await TestHouse()
        let root = try await house.send("GET", "/", signedIn: false)
        #expect(root.status == 200)
        #expect(root.text.contains("Weir"))
        #expect(try await house.send("GET", "/nowhere", signedIn: false).status == 404)
        #expect(try await house.send("GET", "/v2x", signedIn: false).status == 404)
        let unsigned = try await house.send(
            "POST", "/", ["X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories"],
            body: ByteBuffer(string: "{}"), signedIn: false)
        #expect(unsigned.status == 400)
        #expect(unsigned.text.contains("MissingAuthenticationToken"))
        #expect(unsigned["x-amzn-RequestId"] != nil)
    }

    @Test func aStrangersBigBodyIsNotRead() async throws {
        let house = try await TestHouse()
        let body = ByteBuffer(repeating: 0x20, count: AWSDoor.maxBodySize + 1)
        let target = ["X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.UploadLayerPart"]
        let stranger = try await house.send("POST", "/", target, body: body, signedIn: false)
        #expect(stranger.status == 400 && stranger.text.contains("MissingAuthenticationToken"))
        let claim = [
            "X-Amz-Date": "20270115T080000Z",
            "Authorization": "AWS4-HMAC-SHA256 Credential=\(TestHouse.keyID)/20270115/us-east-2/ecr/aws4_request, "
                + "SignedHeaders=host;x-amz-date;x-amz-target, Signature=\(String(repeating: "a", count: 64))",
        ]
        let known = try await house.send(
            "POST", "/", target.merging(claim) { first, _ in first }, body: body, signedIn: false)
        #expect(known.status == 413)
    }

    @Test func healthTellsWhetherTheServerIsReady() async throws {
        let house = try await TestHouse()
        #expect(try await house.send("GET", "/healthz", signedIn: false).text == "ok\n")
        house.application.readiness.set(false)
        #expect(try await house.send("GET", "/healthz", signedIn: false).status == 503)
        #expect(try await house.send("POST", "/healthz", signedIn: false).status == 405)
    }

    @Test func metricsAreText() async throws {
        let house = try await TestHouse()
        let answer = try await house.send("GET", "/metrics", signedIn: false)
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(answer.text.contains("# TYPE process_cpu_seconds_total counter\n"))
    }

    @Test func metricsAreForThisMachine() async throws {
        let house = try await TestHouse()
        #expect(try await house.send("GET", "/metrics", signedIn: false, from: "192.0.2.1").status == 403)
        #expect(try await house.send("GET", "/metrics", signedIn: false, from: "127.9.9.9").status == 200)
        #expect(try await house.send("GET", "/metrics", signedIn: false, from: "::1").status == 200)
        for sign in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"] {
            #expect(try await house.send("GET", "/metrics", [sign: "192.0.2.1"], signedIn: false).status == 403)
        }
        #expect(try await house.send("GET", "/healthz", signedIn: false, from: "192.0.2.1").status == 200)
    }
}

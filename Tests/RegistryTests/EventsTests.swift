import ConformanceSuites
import NIOCore
import Synchronization
import Testing
import WeirCore
import WeirRegistry

/// Keeps the events and lines that it gets.
final class Recorder: EventSink, LineSink {
    private let kept = Mutex<[Event]>([])
    private let lines = Mutex<[String]>([])

    func emit(_ event: Event) { kept.withLock { $0.append(event) } }
    func take(_ line: String) { lines.withLock { $0.append(line) } }

    var written: [String] { lines.withLock { $0 } }
    func events(_ type: Event.DetailType) -> [Event] { kept.withLock { $0.filter { $0.detailType == type } } }
    func forget() { kept.withLock { $0 = [] } }
}

extension Event {
    subscript(_ name: String) -> String? {
        guard case .string(let text)? = detail.first(where: { $0.name == name })?.value else { return nil }
        return text
    }
}

@Suite struct EventsTests {
    @Test func aPullThroughTellsOnceHoweverManyPull() async throws {
        let told = Recorder()
        let house = try await TestRegistry(events: told)
        try await house.rule()
        let image = house.upstream.addImage(to: "nginx/nginx", tags: ["latest"], layer: noise(1_000))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await house.pull("latest", "ecr-public/nginx/nginx") } }
            try await group.waitForAll()
        }
        let events = told.events(.pullThroughCacheAction)
        #expect(events.count == 1)
        let event = try #require(events.first)
        #expect(event.resources == ["arn:aws:ecr:us-east-2:111122223333:repository/ecr-public/nginx/nginx"])
        #expect(event["sync-status"] == "SUCCESS" && event["ecr-repository-prefix"] == "ecr-public")
        #expect(event["upstream-registry-url"] == "public.ecr.aws" && event["image-tag"] == "latest")
        #expect(event["image-digest"] == "\(image.manifest)" && event["failure-code"] == nil)
    }

    @Test func aFailedPullThroughSaysWhy() async throws {
        let told = Recorder()
        let house = try await TestRegistry(events: told)
        try await house.rule()
        await #expect(throws: Refusal.self) { try await house.pull("none", "ecr-public/a/b") }
        let event = try #require(told.events(.pullThroughCacheAction).first)
        #expect(event["sync-status"] == "FAILURE" && event["failure-code"] == "ImageNotFound")
        #expect(event["failure-reason"] != nil && event["image-digest"] == nil)
    }

    @Test func whatIsServedStaleIsTold() async throws {
        let told = Recorder()
        let house = try await TestRegistry(events: told)
        try await house.rule()
        let image = house.upstream.addImage(to: "a/b", tags: ["1"], layer: noise(1_000))
        _ = try await house.pull("1", "ecr-public/a/b")
        house.pass(.seconds(25 * 3_600))
        house.upstream.fail(.unavailable)
        told.forget()
        let served = try await house.pull("1", "ecr-public/a/b")
        #expect(served.warning != nil)
        #expect(told.events(.pullThroughCacheAction).map { $0["sync-status"] } == ["FAILURE"])
        #expect(told.events(.staleServed).map { $0["image-digest"] } == ["\(image.manifest)"])
    }

    @Test func pushesAndDeletesAreTold() async throws {
        let told = Recorder()
        let house = try await TestRegistry(events: told)
        let name = try RepositoryName("my/app")
        _ = try await house.registry.repositories.create(name, in: house.id, settings: RepositorySettings())
        let bytes = ByteBuffer(string: #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[]}"#)
        let put = try await house.registry.images.put(
            bytes, contentType: nil, as: .tag(Tag("1")), in: name, of: house.id)
        _ = try await house.registry.images.put(bytes, contentType: nil, as: .tag(Tag("2")), in: name, of: house.id)
        #expect(told.events(.imageAction).map { $0["action-type"] } == ["PUSH", "PUSH"])
        #expect(told.events(.imageAction).map { $0["image-tag"] } == ["1", "2"])
        told.forget()
        // The same push again changes nothing.
        _ = try? await house.registry.images.put(bytes, contentType: nil, as: .tag(Tag("2")), in: name, of: house.id)
        #expect(told.events(.imageAction).isEmpty)
        _ = try await house.registry.images.delete(.digest(put.digest), in: name, of: house.id)
        #expect(told.events(.imageAction).map { $0["image-tag"] } == ["1", "2"])
        #expect(told.events(.imageAction).allSatisfy { $0["action-type"] == "DELETE" })
    }

    @Test func theEnvelopeIsEventBridges() throws {
        let lines = Recorder()
        let now = try #require(Timestamp(iso8601: "2026-01-02T03:04:05Z"))
        let printer = EventPrinter([lines], clock: WallClock { now }, newID: { "the-id" })
        let id = RegistryID(account: try AccountID("111122223333"), region: try Region("us-west-2"))
        printer.emit(Event(.imageAction, in: id, ["a": "quote \" and \n end", "b": nil, "c": .list([1, true])]))
        #expect(
            lines.written == [
                #"{"version":"0","id":"the-id","detail-type":"ECR Image Action","source":"aws.ecr","account":"111122223333","#
                    + #""time":"2026-01-02T03:04:05Z","region":"us-west-2","resources":[],"#
                    + #""detail":{"a":"quote \" and \n end","c":[1,true]}}"#
            ])
    }
}

import CanonicalJSON
import Cryptography
import Governance
import HTTPClient

/// `Protocol.Diffusion`: images, by the routes of the community's settings.
public struct DiffusionCall: HostCall {
  /// The stream that takes images which are too large for a tool.
  public static let stream = "diffusion"

  private let services: HostServices

  public init(_ services: HostServices) { self.services = services }

  public var methods: [HostMethod] {
    [
      HostMethod(
        "Diffusion.generate", .observe, dimensions: ["models"], schema: ImageRequest.schema,
        summary: "Makes an image of a text.")
    ]
  }

  public func plan(
    _ method: String, arguments: JSON, in context: HostCallContext
  ) throws(HostCallError) -> HostCallPlan {
    let request = try HostArguments.read(arguments) { reader throws(FieldError) in try ImageRequest(&reader) }
    guard let route = context.settings.images.first(where: { $0.name.matches(request.model) }) else {
      throw HostCallError(
        "no_route",
        "the community's settings have no route for the image model \(request.model): add one to \"images\"")
    }
    var reserve = Usage()
    reserve.microUSD = route.price
    return HostCallPlan(
      facts: [["models": request.model]], reserve: reserve,
      step: .observe { [services, reserve] in
        await Self.run(request, route, context, services, price: reserve)
      })
  }

  private static func run(
    _ request: ImageRequest, _ route: ImageRoute, _ context: HostCallContext, _ services: HostServices, price: Usage
  ) async -> HostCallOutcome {
    let connection = VendorConnection(
      services, community: context.community, url: route.url, socket: route.socket, secret: route.secret,
      credential: .bearer)
    do throws(VendorFailure) {
      let json = try await ask(connection, request, route, context)
      let result: Result<JSON, HostCallError>
      do {
        var image = try route.image(json)
        image.bytes = connection.redactor.redact(image.bytes)
        result = .success(try answer(image, context, services.files))
      } catch {
        result = .failure(error.redacted(by: connection.redactor))
      }
      return HostCallOutcome(result, usage: price, secrets: connection.used)
    } catch {
      return HostCallOutcome(
        .failure(error.error.redacted(by: connection.redactor)), usage: error.wasSent ? price : Usage(),
        secrets: connection.used)
    }
  }

  private static func ask(
    _ connection: VendorConnection, _ request: ImageRequest, _ route: ImageRoute, _ context: HostCallContext
  ) async throws(VendorFailure) -> JSON {
    let message: HTTPClientRequest
    do {
      message = try connection.post(
        route.body(request), to: route.path(request), accepting: "application/json", timeout: request.timeout)
    } catch {
      throw VendorFailure(error: error, wasSent: false)
    }
    let response = try await connection.send(message)
    do {
      return try VendorAnswer.json(response, now: context.now)
    } catch {
      throw VendorFailure(error: error, wasSent: (200...299).contains(response.status))
    }
  }

  /// The image itself where a tool can be given it, else an item of the community's stream.
  private static func answer(
    _ image: GeneratedImage, _ context: HostCallContext, _ files: FileStreams
  ) throws(HostCallError) -> JSON {
    guard let (format, mimeType) = GeneratedImage.format(of: image.bytes) else {
      throw VendorAnswer.malformed("the image is no PNG, JPEG or WebP")
    }
    var object: JSONObject = ["format": .string(format), "mimeType": .string(mimeType)]
    object["seed"] = image.seed.map(JSON.integer)
    // Base64 has 4 characters for 3 bytes; the members around it have less than 1 KiB.
    if (image.bytes.count + 2) / 3 * 4 + 1024 <= HostValue.maxBytes {
      object["base64"] = .string(Base64.encode(image.bytes))
      return .object(object)
    }
    // One call makes one item, also when it is made again after a crash.
    let key = SHA256Digest.of(["call": .integer(Int64(context.call)), "run": .string(context.run)])
    do {
      let item = try files.append(
        image.bytes, name: "\(context.run.prefix(16))-\(context.call).\(format)", to: stream,
        community: context.community, key: key)
      var file = item.json.object ?? [:]
      file["stream"] = .string(stream)
      object["file"] = .object(file)
      return .object(object)
    } catch {
      throw HostCallError(error)
    }
  }
}

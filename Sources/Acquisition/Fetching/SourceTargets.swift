import CanonicalJSON
import HTTPClient
import Models
import ObjectStorage

extension AcquisitionConfiguration {
  /// How a source of a manifest is asked from this box.
  func target(for source: ModelSource) -> FetchTarget {
    switch source {
    case .https(let url), .http(let url): return http(url)
    case .hub(let hub): return http(hub.url(endpoint: huggingFaceEndpoint))
    case .file(let path, _): return .local(path)
    case .s3(let s3, _):
      do throws(FieldError) {
        let bucket = try S3Bucket(
          name: s3.bucket, region: s3.region ?? Self.defaultRegion, endpoint: s3.endpoint, style: nil)
        let location = try S3Location(bucket: bucket, key: s3.key)
        guard let credentials = signer(for: bucket.endpoint) else { return http(location.url) }
        return signed(location.url, SigV4(credentials: credentials, region: bucket.region))
      } catch {
        return .refused(.notAllowed("\(error)"))
      }
    }
  }

  /// What AWS takes for a bucket whose region nobody names.
  private static let defaultRegion = "us-east-1"

  private func http(_ text: String) -> FetchTarget {
    do throws(URLFault) {
      let url = try HTTPURL(text)
      return .http(url, bearer: bearer(for: url))
    } catch {
      return .refused(.transport(.url(text, error)))
    }
  }

  private func signed(_ text: String, _ signer: SigV4) -> FetchTarget {
    do throws(URLFault) {
      return .signed(try HTTPURL(text), by: signer)
    } catch {
      return .refused(.transport(.url(text, error)))
    }
  }
}

// What the page, and the tests that run this script without a page, call.
globalThis.SafeboxVerifier = Object.freeze({
  verifyReceipt, expectedBox, parseJSON, canonical, readEvidence, readAppraisalPolicy, appraiseEvidence, decodeHex,
  CheckList, parseEvidenceFile, verifyEvidenceFile, verifyMeasurementLogs, measurementReport, readRuntimeLog, checkTitle,
});

// Reports of NVIDIA GPUs: this page reads evidence and policies of them, and says that it verifies none.

function readNVIDIAMeasurements(json, path) {
  if (!(json instanceof Map) || json.size < 1 || json.size > 255) throw new FieldError(path, "any, or an object of 1 to 255 measurements", kindOf(json));
  for (const [name, values] of json) {
    if (!/^[1-9][0-9]{0,2}$/.test(name) || Number(name) > 255) throw new FieldError(path, "indexes from 1 to 255", kindOf(name));
    const isList = Array.isArray(values) && values.length >= 1 && values.length <= 64;
    if (!isList || values.some((value) => hexOf(48)(value) === undefined)) throw new FieldError(`${path}.${name}`, "1 to 64 values of 48 bytes", kindOf(values));
  }
  return json;
}

const nvidiaName = (json) => (typeof json === "string" && json !== "" && utf8(json).length <= 128 ? json : undefined);

evidenceKinds["nvidia-gpu"] = {
  read: (reader) => ({ report: readBase64(reader, "report", 16 << 10), certificates: readCertificates(reader, "certificates") }),
  async verify(evidence, context, checks) {
    checks.demand(["nvidia.report"]);
    checks.notPerformed("nvidia.report", "this page does not verify reports of GPUs: the command safebox attest does");
    return null;
  },
  readPolicy: (reader) => ({
    models: readAccepted(reader, "models", nvidiaName),
    drivers: readAccepted(reader, "drivers", nvidiaName),
    vbioses: readAccepted(reader, "vbioses", nvidiaName),
    measurements: readAnyOr(reader, "measurements", readNVIDIAMeasurements),
  }),
  async appraise() {},
};

// Quotes of virtual TPMs of Google Cloud: the second implementation of Sources/Attestation/GCP.

const gcpInstanceExtension = "1.3.6.1.4.1.11129.2.1.21";
const gcpUnverifiedNames = ["canonical-event-log", "sev-snp", "tdx"];
const gcpTextBytes = 256;

const gcpRoots = [
  [
    "EK/AK CA Root",
    decodeBase64(
      "MIIGATCCA+mgAwIBAgIUAKZdpPnjKPOANcOnPU9yQyvfFdwwDQYJKoZIhvcNAQELBQAwfjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWEx" +
      "FjAUBgNVBAcTDU1vdW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxFTATBgNVBAsTDEdvb2dsZSBDbG91ZDEWMBQGA1UEAxMNRUsvQUsgQ0Eg" +
      "Um9vdDAgFw0yMjA3MDgwMDQwMzRaGA8yMTIyMDcwODA1NTcyM1owfjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAUBgNVBAcTDU1v" +
      "dW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxFTATBgNVBAsTDEdvb2dsZSBDbG91ZDEWMBQGA1UEAxMNRUsvQUsgQ0EgUm9vdDCCAiIwDQYJ" +
      "KoZIhvcNAQEBBQADggIPADCCAgoCggIBAJ0l9VCoyJZLSol8KyhNpbS7pBnuicE6ptrdtxAWIR2TnLxSgxNFiR7drtofxI0ruceoCIpsa9NHIKrz3sM/" +
      "N/E8mFNHiJAuyVf3pPpmDpLJZQ1qe8yHkpGSs3Kj3s5YYWtEecCVfzNs4MtKvGfA+WKB49A6Noi8R9R1GonLIN6wSXX3kP1ibRn0NGgdqgfgRe5HC3kK" +
      "AhjZ6scT8Eb1SGlaByGzE5WoGTnNbyifkyx9oUZxXVJsqv2q611W3apbPxcgev8z5JXQUbrrQ7EbO0StK1DsKRsKLuD+YLxjrBRQ4UeIN5WHp6G0vgYi" +
      "OptHm6YKZxQemO/kVMLRzsm1AYH7eNOFekcBIKRjSqpk5m4ud04qum6f0hBj3iE/Pe+DvIbVhLh9ItAunISGQPA9dYEgfA/qWir+pU7LV3phpLeGhull" +
      "8G/zYmQhF3heg0buIR70aavzT8iLAQrxVMNRZJEGMwIN/tq8YiT3+3EZIcSqq6GAGjiuVw3NIsXC3+CuSJGQ5GbDp49Lc6VWPHeWeFvwSUGgxKXq5r1+" +
      "PRsoYgK6S4hhecgXEX5c7Rta6TcFlEFb0XK9fpy1dr89LeFGxUBpdDvKxDRLMm3FQen8rmR/PSReEcJsaqbUP/q7Pc7k0RfF9Mb6AfPZfnqgpYJQ+IFS" +
      "r9EjRSW1wPcL03zoTP47AgMBAAGjdTBzMA4GA1UdDwEB/wQEAwIBBjAQBgNVHSUECTAHBgVngQUIATAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBRJ" +
      "50pbVin1nXm3pjA8A7KP5xTdTDAfBgNVHSMEGDAWgBRJ50pbVin1nXm3pjA8A7KP5xTdTDANBgkqhkiG9w0BAQsFAAOCAgEAlfHRvOB3CJoLTl1YG/Av" +
      "jGoZkpNMyp5X5je1ICCQ68b296En9hIUlcYY/+nuEPSPUjDA3izwJ8DAfV4REgpQzqoh6XhR3TgyfHXjJ6DC7puzEgtzF1+wHShUpBoe3HKuL4WhB3rv" +
      "wk2SEsudBu92o9BuBjcDJ/GW5GRtpD/H71HAE8rI9jJ41nS0FvkkjaX0glsntMVUXiwcta8GI0QOE2ijsJBwk41uQGt0YOj2SGlEwNAC5DBTB5kZ7+6X" +
      "9xGE6/c+M3TAA0ONoX18rNfif94cCx/mPYOs8pUkANRAQ4aTRBvpBrryGT8R1ahTBkMeRQG3tdsLHRT8fJCFUANd5WLWsi83005y/WuMz8/gFKc0PL+F" +
      "+MubCsJ1ODPTRscH93QlS4zEMg5hDAIks+fDoRJ2QiROqo7GAqbTc7STKfGcr9+pa63na7f3oy1sZPWPdxB8tx5z3lghiPP3ktQx/yK/1Fwf1hgxJHFy" +
      "/2UcaGuOXRRRTPyEnppZp82Kigs9aPHWtaVm2/LrXX2fvT9iM/k0CovNAj8rztHxsUEoA0xJnSOJNPpe9PRdjsTj7/u3Xu6hQLNNidBHgI3Hcmi704HM" +
      "Md/3yZ424OOrS32ylpeU1oeQHFrLE6hYX4/ttMETbmESIKd2rTgstPotSvkuB5TljbKYPR+lq7hQav16U4E=",
    ),
  ],
  [
    "tpm_ek_v1_cloud_host_root",
    decodeBase64(
      "MIIGfzCCBGegAwIBAgIQbw4ksY2+TlOMT5bDqCZawTANBgkqhkiG9w0BAQsFADCBvjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAU" +
      "BgNVBAcTDU1vdW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxDjAMBgNVBAsTBUNsb3VkMV0wWwYDVQQDDFR0cG1fZWtfdjFfY2xvdWRfaG9z" +
      "dF9yb290LXNpZ25lci0wLTIwMTgtMDQtMDZUMTA6NTg6MjYtMDc6MDAgSzoxLCAxOlB3MDAzSHNGWU80OjA6MTgwIBcNMTgwNDA2MTc1ODI2WhgPMjEx" +
      "ODA0MDYxODU4MjZaMIG+MQswCQYDVQQGEwJVUzETMBEGA1UECBMKQ2FsaWZvcm5pYTEWMBQGA1UEBxMNTW91bnRhaW4gVmlldzETMBEGA1UEChMKR29v" +
      "Z2xlIExMQzEOMAwGA1UECxMFQ2xvdWQxXTBbBgNVBAMMVHRwbV9la192MV9jbG91ZF9ob3N0X3Jvb3Qtc2lnbmVyLTAtMjAxOC0wNC0wNlQxMDo1ODoy" +
      "Ni0wNzowMCBLOjEsIDE6UHcwMDNIc0ZZTzQ6MDoxODCCAiIwDQYJKoZIhvcNAQEBBQADggIPADCCAgoCggIBAPvCO6TuV/jpJ4auYVo+9DKtdsC7EP5p" +
      "XtyXwvbnCj2kT+8JPGb++tOJylihDSO2BNrtqVukkiV8dXYY0MQNufPinSnBZP7s1RXN4F99k0tSI3e5TI2DwRFBV0jcu7rYZlzx3mO1ltNp/9UVA3zx" +
      "Lz663SPnoBBUUNlXnY90JudOLfwXNP68KiCt/YIG7XrIRMY8iXNFrTS9BIlaLb+LIgmh29FN/YcQsXsAyum835FoULcDLqzrTjA+3rfRvQLwrq5QsJcE" +
      "VuZYVRQS5td4RbRDz4GLQzHtRT0DSe89aFAndaK8h4i/WLDoOI8SJ8B8m+VvOWDYnx/7qP6NsCnicVg7BQzYqAtlTTHUzi5Nd2p7Hc3FbbqYU74EdNTt" +
      "FAwDsI95N0f+LC3wRK1xvGgaRSdnJeklhNVsdO00TDkmAVdkkK+o7Pij2Ss2ywW9uRH5gnosnfswiWxAe9LvwJfBr4MNtha7evAwcvqkRvBJFgd+AVug" +
      "OuwOCC3rHFEquaoUWpNrvSBFMVooWgs0fMMcStYYj+vRd9aNDtgHsbgSQvCFDmo91lcqRFcwYqDf8JmQwZO9yYOzjb/73MBsxRzuXpeQ9/L/SrIgL3zS" +
      "7LLTybbQ3LJO592vz+sEk6/P/IOZSGPSh5NLVLSzjHfUuMR60hJ8zGo34QHJ/p1m6aHfk52hAgMBAAGjdTBzMA4GA1UdDwEB/wQEAwIBhjAQBgNVHSUE" +
      "CTAHBgVngQUIATAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBRl9OTmqvb9WtKInKhTVfcAjgj3pTAfBgNVHSMEGDAWgBRl9OTmqvb9WtKInKhTVfcA" +
      "jgj3pTANBgkqhkiG9w0BAQsFAAOCAgEAJY6404gcN0hetPP/wdmL8fullQHfro3Jw5V311MFlkFEHpHS0+Bhg+Brt2J3D9CVpsAhmU5Wy8CrdZ25dh8v" +
      "Rp27Ki5zaq3VWnyQSt0zjIGwez7WMbq4ky5SfMlkmM5XvE1Boi99P6K4Qi2pJdU1JA4yYi6aiTz6A7iG7df769VokOD1Q4LIccD5MLUys+ptnbn30e1V" +
      "mteBrHagrYUpedUUTzBo2050DoQLPTuGRBsQBnBkMD2N+yrj6Nov4YufKPQUklu3PtLxdjZMa3U7Yd+Aw2WJJgD4xu0OH4SYfnnguaSX20njyi8tXNxk" +
      "helXGMQt85YCuoYE5nBMDLQ0M0jsz0abUHjYavlHsVTxwPNWxUFONI3+tDdy9ZWXwhYDRg/C+z7IvcrO9hcnghmJ7a1lX1oTHCah9bjTqz5w+cccx/nX" +
      "HXpMglcACXJXE7LlvO3VeStT+57cPuIfpRO7dRbce1O8qfnGH4Sk0LNmJai6OfFU/5499lvPdWbwChdLwaTFu/2Hs/Tq4bXvi9nHk0WSIQbPuUsFACRU" +
      "f1U+NhyF7Ly6vWkI2cV3fI2wN1gQ2YgOiESSNE50dof8LyJ6RO97aQqAkW0Qeqj7xfL2+U6qlCQNNp4gSbBegysrcGNZKz/iBmmWoNvicw9mpPQqHnLv" +
      "60IvRumxby/n617o/jU=",
    ),
  ],
];

// Trusted for nothing: verified up to a root whenever they are used.
const gcpIntermediates = [
  decodeBase64(
      "MIIHIjCCBQqgAwIBAgITZ2viLuozn1JgaG2giK96ZF5cPzANBgkqhkiG9w0BAQsFADB+MQswCQYDVQQGEwJVUzETMBEGA1UECBMKQ2FsaWZvcm5pYTEW" +
      "MBQGA1UEBxMNTW91bnRhaW4gVmlldzETMBEGA1UEChMKR29vZ2xlIExMQzEVMBMGA1UECxMMR29vZ2xlIENsb3VkMRYwFAYDVQQDEw1FSy9BSyBDQSBS" +
      "b290MCAXDTIyMDgyMzIyMjYyOVoYDzIxMjIwNzA4MDU1NzIzWjCBhjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAUBgNVBAcTDU1v" +
      "dW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxFTATBgNVBAsTDEdvb2dsZSBDbG91ZDEeMBwGA1UEAxMVRUsvQUsgQ0EgSW50ZXJtZWRpYXRl" +
      "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAoGMe14Bhqh9kWnHW0VnqNl+Iake9KUANTgC12z+8ULqciIvDoiw0ezQ1fP/pwKhNRxcVwP5+" +
      "JgbJJluZw1lu1uV5trLs5yA/Er9CfVGX8CQF1TB7Zfv6Hf7hv7lv7eE986rda1oM55hJXEt0L3BvWfVpPibBloktSqqbSVzrBJrtSFi9P+Hhku6Bw6Zt" +
      "1T/8/z6OVdMbPNEhbPtCGFxmwyzKfb3wWU2YCIzZd7h53pV0ea1VJL3iGmRBJhC3Rkwvs3QcSZYYENft6x42jWSK/t2WrrZknP2Q67OFlhVL/gMo0NJ6" +
      "bczovY03yRTnoDcN6YXKqlc7iwPdUJn86jJHPL2s9KCWR/UDUGtb4PqZSaHQXA58N/tZSyQ48T0v+ar9CYVVAIOV93VJDn13j0lZLax1bAkbzl0I7il1" +
      "S+W2wEVx+K3WUf/29aBhRLZ3Ddkyj/Ta8HxhMXpdOciddEXh2G4o/WaQAh3XCW8FGkKXjW8Ao7kBDBbpmCvlRvOtTBWetx9dIOGzUkX53s3R1soUvMeZ" +
      "AP8208fe06+TOj+k7Mcn5qY1XuALzAKhZlR9hGw1pjKEIUCKTJbfL+L2QDdP7OS2Kc2mBVQAcLu9PmaG++OZoVTlUrGd/6DBfKTEsN+aytWoCRkJKu8k" +
      "TWYyaMhXAYD1C4yp5xLQMKyFImNXumUCAwEAAaOCAYwwggGIMA4GA1UdDwEB/wQEAwIBBjAQBgNVHSUECTAHBgVngQUIATAPBgNVHRMBAf8EBTADAQH/" +
      "MB0GA1UdDgQWBBTpZnNUZ2Yb791lv+XoXOORC5sFUjAfBgNVHSMEGDAWgBRJ50pbVin1nXm3pjA8A7KP5xTdTDCBjQYIKwYBBQUHAQEEgYAwfjB8Bggr" +
      "BgEFBQcwAoZwaHR0cDovL3ByaXZhdGVjYS1jb250ZW50LTYyZDcxNzczLTAwMDAtMjFkYS04NTJlLWY0ZjVlODBkNzc3OC5zdG9yYWdlLmdvb2dsZWFw" +
      "aXMuY29tLzAzMmJmOWQzOWRiNGZhMDZhYWRlL2NhLmNydDCBggYDVR0fBHsweTB3oHWgc4ZxaHR0cDovL3ByaXZhdGVjYS1jb250ZW50LTYyZDcxNzcz" +
      "LTAwMDAtMjFkYS04NTJlLWY0ZjVlODBkNzc3OC5zdG9yYWdlLmdvb2dsZWFwaXMuY29tLzAzMmJmOWQzOWRiNGZhMDZhYWRlL2NybC5jcmwwDQYJKoZI" +
      "hvcNAQELBQADggIBAJOunRNQRR4hxBRpzVWhAaSftC7mwvvys+p6ZmUpbYAObjsaxRX+aucZF2jofS1VDPQy7j0aj8wTIhz0qv6jEvkMZH/E5fb2rC/S" +
      "Siqui51RwiTWi7Ry2XMuAbgG2suCirTL6O/iYed6vyJf07iysMK0o0bEeChEh3XPQNrl+Dcdrff4fUG6SGGgx0IXWJHD9qqU895rYXCyFhJe+QCtPHg/" +
      "HnYX//yGlm7xhESYl0hgEVCITvu0YjNlKoBEiBMtHk0BHCeFkUm+pBydOjSl0BHUJs3UAJXuaYDp/CjpnnYfRo8EF2Xy5/bCqFU+jrjYLz1xbOh28H4k" +
      "NudZ3KV9jQoM+lDqmeM7rq79r5ie1XfpC21tjxcAJktmxJP1hRpOtWoVtSJFLj05avqpDwt6AWDq2azquN7gjZFF/vNB6fbK+w/Yi7ArSLyo2z18vABW" +
      "NEiV032NG0jrXXYWoc6l8bfXUxwG6Ntkj2L8p35ynxjR0mA73l7z920iBAl6rp15FfoR3LSzo1l+VaucnrWcnHow/kEFGqjtP8uEmzQc5Rq+5Xd5/64j" +
      "EcomGKNh+6b0gY3Y67q2NlrFa6Fo9vfzDwqdYSYzENb/PR3uGFhkvoJzTWFXdsVypk0frMsX1chdbHOM4jzDNhHAbQNumH82E8avyKjepIf+EPC61pmP" +
      "eRHX",
  ),
  decodeBase64(
      "MIIGFDCCA/ygAwIBAgIQKGFud4l+Tma/3sf58QMTrDANBgkqhkiG9w0BAQsFADCBvjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAU" +
      "BgNVBAcTDU1vdW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxDjAMBgNVBAsTBUNsb3VkMV0wWwYDVQQDDFR0cG1fZWtfdjFfY2xvdWRfaG9z" +
      "dF9yb290LXNpZ25lci0wLTIwMTgtMDQtMDZUMTA6NTg6MjYtMDc6MDAgSzoxLCAxOlB3MDAzSHNGWU80OjA6MTgwIBcNMjAxMDIyMjEwMjA4WhgPMjEy" +
      "MDEwMjIyMTAyMDhaMIG5MQswCQYDVQQGEwJVUzETMBEGA1UECBMKQ2FsaWZvcm5pYTEWMBQGA1UEBxMNTW91bnRhaW4gVmlldzETMBEGA1UEChMKR29v" +
      "Z2xlIExMQzEOMAwGA1UECxMFQ2xvdWQxWDBWBgNVBAMMT3RwbV9la192MV9jbG91ZF9ob3N0LXNpZ25lci0wLTIwMjAtMTAtMjJUMTQ6MDI6MDgtMDc6" +
      "MDAgSzoxLCAyOkhCTnBBM1RQQWJNOjA6MTgwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC04DIsQSkrbQCB4/7EV2BDEXZzBBBUVDaF/yuD" +
      "zxzdMNuxkdNbB/cSbKbSc4+gI+4NLIn/qZA37KzWAd8PSviF2zFgC+ZF4m4wr7J5830n4OkABqfdtP368ROI1b5Ue1avugNfeHUI2Tz1YIflDlXlnotN" +
      "MT4O4SIMug9sfBFjnwINbivDu3gUP803vfXDCsTcndKA7WgN5jXDEAfdP1EZtugODsCxSjvcveKr30ORmCg776N+bt+Q+YQeQxFxWF6eIDG8u4BPk9p/" +
      "mXXIfqQMd+WprWEt1pdvQFURoieAN2hxEkoL959oFiva69vAjTU8HqaAb16uWhWSQayH0lXbAgMBAAGjggENMIIBCTAOBgNVHQ8BAf8EBAMCAQYwEAYD" +
      "VR0lBAkwBwYFZ4EFCAEwEgYDVR0TAQH/BAgwBgEB/wIBADAdBgNVHQ4EFgQUE81xuliyClGjKA5luZaeux0NEZMwHwYDVR0jBBgwFoAUZfTk5qr2/VrS" +
      "iJyoU1X3AI4I96UwTQYIKwYBBQUHAQEEQTA/MD0GCCsGAQUFBzAChjFodHRwOi8vcGtpLmdvb2cvY2xvdWRfaW50ZWdyaXR5L3RwbV9la19yb290XzEu" +
      "Y3J0MEIGA1UdHwQ7MDkwN6A1oDOGMWh0dHA6Ly9wa2kuZ29vZy9jbG91ZF9pbnRlZ3JpdHkvdHBtX2VrX3Jvb3RfMS5jcmwwDQYJKoZIhvcNAQELBQAD" +
      "ggIBAJDz1ozb36GhNkcflz77qNXW/I6TqBN7VUMJy5zVXxIxLHDayU6mJGizriQkncDmnWY8/NUgroXKIyURBsB2sNI41KcQFi+ScYRGKuGkiLt/0hux" +
      "A0njCLIOyAcDN6oaph8Eo7rCL5MdhA9uMxnHMgWVWjnpgYKVMui6lakEcpek2ngNMpSHe7VxmM2L/56ucQblvIma00ANC6NAi+QOFuyoqrmZhXjj0w/p" +
      "2yO5W38jp/tcPX38FZ6uZpD3iYAfBgRc4yrvUF4J2UUlF3xBL0uQI3G96uh0OcBzAA4KFMRBfsZR4rfgbAhCRq/LZ0NAIhb9ndOkHYl0/6TyQFqSt77v" +
      "8E+w2mwzAsYp/jAAu7IF8s0WMcZPTBKgMk9iRoVRAU7r6sJcqfhumx7o8H57k+90bpAZjZsBHLj/OWFQDK6TBrxL9kXtZ8eL6c+M7o5Mx3mCzqjjp5fE" +
      "e/K5Dr2NhzcU31TTGdRz/2t7eFMjP1ylsNCXSHNB7yoA1oUcWKo6nuitUPxLjiivj6cvhMPsJLRpMJQN78k2VF7osri73l1Df22ELkWz6tvvb6O6Dh3f" +
      "WCeKP713B/+JRv4XJ10wPL1StRDE8vl/mi+hyc/c7QGeuRoYdmKu5xti9IxtaxZaZJqCXm4C7BdS6w7bUa6T6smyKpXcL4iX/vx2v7Ym67AG",
  ),
  decodeBase64(
      "MIIGFDCCA/ygAwIBAgIQdPr3fPH3QMiVke9TGXN5dzANBgkqhkiG9w0BAQsFADCBvjELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAU" +
      "BgNVBAcTDU1vdW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxDjAMBgNVBAsTBUNsb3VkMV0wWwYDVQQDDFR0cG1fZWtfdjFfY2xvdWRfaG9z" +
      "dF9yb290LXNpZ25lci0wLTIwMTgtMDQtMDZUMTA6NTg6MjYtMDc6MDAgSzoxLCAxOlB3MDAzSHNGWU80OjA6MTgwIBcNMjExMDEyMTEyMjExWhgPMjEy" +
      "MTEwMTIxMTIyMTFaMIG5MQswCQYDVQQGEwJVUzETMBEGA1UECBMKQ2FsaWZvcm5pYTEWMBQGA1UEBxMNTW91bnRhaW4gVmlldzETMBEGA1UEChMKR29v" +
      "Z2xlIExMQzEOMAwGA1UECxMFQ2xvdWQxWDBWBgNVBAMMT3RwbV9la192MV9jbG91ZF9ob3N0LXNpZ25lci0wLTIwMjEtMTAtMTJUMDQ6MjI6MTEtMDc6" +
      "MDAgSzoxLCAzOm5idmFHWkZMY3VjOjA6MTgwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDvM90hFR7OBvS/U82Lw7hkWEsf0ut9rnvTaKHN" +
      "K1Si+swztPBgGU7/RveNRxVFgU6q5NZh/jnG1xl5H9D+1zHuThKOekQ7axUXpdcPtN3CXp+wkgkOTdZgbnn4jnDQibwyBQMuzfP+8jR8rcpAS5PGwpyr" +
      "50IjgJB0428hrOr1hkfGs2OQ23eqcSGCniJtnnEkmNxijOAqvAoUanFWLmpEgNqLqSXohSFVMoS6VtiKHfC45vb0RNkzSozEDnjC7qY9nnaBC4bweMgY" +
      "TQeqjX/L+5ZPzYLPUTDuyD8/R3AiZlc6FlTkzK1avnPUg4D5SRx8gMoHr5meZ67g3HsnE9TzAgMBAAGjggENMIIBCTAOBgNVHQ8BAf8EBAMCAQYwEAYD" +
      "VR0lBAkwBwYFZ4EFCAEwEgYDVR0TAQH/BAgwBgEB/wIBADAdBgNVHQ4EFgQUZwjEdxH91YeE0ywda02Xg2CEJYAwHwYDVR0jBBgwFoAUZfTk5qr2/VrS" +
      "iJyoU1X3AI4I96UwTQYIKwYBBQUHAQEEQTA/MD0GCCsGAQUFBzAChjFodHRwOi8vcGtpLmdvb2cvY2xvdWRfaW50ZWdyaXR5L3RwbV9la19yb290XzEu" +
      "Y3J0MEIGA1UdHwQ7MDkwN6A1oDOGMWh0dHA6Ly9wa2kuZ29vZy9jbG91ZF9pbnRlZ3JpdHkvdHBtX2VrX3Jvb3RfMS5jcmwwDQYJKoZIhvcNAQELBQAD" +
      "ggIBANz3sNr/tCAuov2t/76tSL0l5kvShhsXuvZd3TTUD0lkcUfVCDBSKD1C3us/MSl5CFEcZFs1PO3nkh6LzJZAgyiUcsMNv1VgPBofeTAXEzPdtgZo" +
      "STLW12e75zc2likR7CCVCZV9h6PowR7FCNwBCMi6xt28Xp1SwL3OwrT+uPTDZYCcr7zPZhnwkB+Dm89TpCyCquXoic50dN2Uj3Js8ybEEWpkrEPR3d4n" +
      "QwqIGuoZQcb4lwdfmDGRvRb1UUWUiGNk5XwJ74sCM6W3NTeq4ixgpKterqtVBenRrpfcNsgBw/eeLImdCCfCETWuHLHnZHxyirOAWxCI5zGObkezG62J" +
      "iFlveFnTKf6C4UtK7oofSzVR8w75T+xPXXGx3OfR1zV4ry3n3lEQRa7T/Fp80B4/SSTH0sBbR5Gylzni+AbgA5pkrU7HN4xFRHpdPWEhQzf4llqxOhyr" +
      "9qO0WIAuFgYEVlYDOdxK6+VOwbc/3jd0en9SsOyIAovlpyrtoCS62fNk2ZozBLKpBa/57xS8pdjHZ6pl32ZbQ75IOY4L8tt+2oDRxsCSB+z1XoRaHbZ/" +
      "t38GKZvmOfekj6Ey2keiyS/iYLV/hOxYo7ugXdovF+iE6i16LFkoaWWXiy7MJcWxlanbldRnAwntSucAsnV1jW7XJnod7bPwgdoIkIBuT6Hd",
  ),
];

for (const [name, certificate] of gcpRoots) {
  compiledAnchors.push({ name: `Google ${name}`, purpose: "google-vtpm", certificate, assurance: { type: "hardware", by: "Google" } });
}

function readGCPEvidence(reader) {
  const evidence = {
    key: readBase64(reader, "akPublic", 1538),
    certificates: readCertificates(reader, "akCertificates"),
    quotes: reader.array("quotes", 4).map((json, index) => {
      const member = new FieldReader(json, `${reader.at("quotes")}[${index}]`);
      const quote = {
        quote: readBase64(member, "quote", 1024),
        signature: readBase64(member, "signature", 1040),
        pcrs: readPCRBanks(member.value("pcrs"), member.at("pcrs")),
      };
      member.finish();
      return quote;
    }),
    logs: readMeasurementLogs(reader),
    instance: reader.has("instance") ? readGCPInstanceJSON(reader.reader("instance")) : null,
    unverified: reader.has("unverified") ? reader.array("unverified", gcpUnverifiedNames.length) : [],
  };
  for (const [index, name] of evidence.unverified.entries()) {
    if (!gcpUnverifiedNames.includes(name) || evidence.unverified.indexOf(name) !== index) {
      throw new FieldError(reader.at("unverified"), gcpUnverifiedNames.join(", "), kindOf(name));
    }
  }
  return evidence;
}

/** { zone, projectNumber, projectID, instanceID, instanceName }, the numbers as BigInt. */
function readGCPInstanceJSON(reader) {
  const number = (name) => {
    const text = reader.string(name, 20);
    if (!/^(?:0|[1-9][0-9]*)$/.test(text) || BigInt(text) >= 1n << 64n) throw new FieldError(reader.at(name), "a number in decimal", kindOf(text));
    return BigInt(text);
  };
  const instance = {
    zone: reader.string("zone", gcpTextBytes),
    projectNumber: number("projectNumber"),
    projectID: reader.string("projectID", gcpTextBytes),
    instanceID: number("instanceID"),
    instanceName: reader.string("instanceName", gcpTextBytes),
  };
  reader.finish();
  return instance;
}

/** What Google certifies of a machine: { instance, securityVersion, isProduction, flags }; null where the certificate says nothing. Throws FieldError. */
function readGCPInstance(certificate) {
  const found = certificate.extensions.all.get(gcpInstanceExtension);
  if (found === undefined) return null;
  const document = new DERReader(found.value, "gceInstance");
  const fields = document.sequence("instance");
  document.finish();
  const text = (field) => {
    const content = fields.element(derTag.utf8String, field);
    const text = content.length <= gcpTextBytes ? fromUTF8(content) : null;
    if (text === null) fields.refuse(field, `at most ${gcpTextBytes} bytes of UTF-8`);
    return text;
  };
  const number = (reader, field) => BigInt(`0x${hex(reader.magnitude(field, 8))}`);
  const instance = {
    zone: text("zone"), projectNumber: number(fields, "projectNumber"), projectID: text("projectID"),
    instanceID: number(fields, "instanceID"), instanceName: text("instanceName"),
  };
  const certified = { instance, securityVersion: null, isProduction: null, flags: new Map() };
  const outer = fields.optionalExplicit(0, "security");
  if (outer !== null) {
    const security = outer.sequence("properties");
    outer.finish();
    const version = security.optionalExplicit(0, "securityVersion");
    if (version !== null) {
      certified.securityVersion = number(version, "number");
      version.finish();
    }
    for (let tag = 1; tag <= 5; tag++) {
      const inner = security.optionalExplicit(tag, `flag${tag}`);
      if (inner === null) continue;
      const flag = inner.boolean("flag");
      inner.finish();
      if (tag === 1) certified.isProduction = flag;
      else certified.flags.set(tag, flag);
    }
    security.finish();
  }
  fields.finish();
  return certified;
}

const gcpIsOfSHA1 = ({ pcrs }) => pcrs.length === 1 && pcrs[0].bank === "sha1";

async function verifyGCPEvidence(evidence, context, checks) {
  checks.demand(["tpm.ak", "tpm.ak-attributes", "tpm.ak-trust", "gcp.instance", "gcp.quotes", ...tpmQuoteChecks]);
  let found;
  try {
    const area = await parseTPMPublic(evidence.key);
    found = { area, key: area.key, name: await tpmKeyName(area) };
    checks.pass("tpm.ak", `${area.key.type}, ${found.name}`);
  } catch (error) {
    tpmFail(checks, "tpm.ak", error);
    return null;
  }
  // Enrolment names a key; here Google must name its machine.
  const certifiedOnly = { ...context, enrolled: new Map() };
  verifyTPMAttributes(found.area, checks);
  const certificates = evidence.certificates.length === 0 ? [] : [...evidence.certificates, ...gcpIntermediates];
  const trust = { key: found.key, name: found.name, certificates, purpose: "google-vtpm", keyPurpose: null };
  const assurance = await verifyTPMKeyTrust(trust, certifiedOnly, checks);
  const certified = await verifyGCPInstance(evidence, assurance !== null, checks);
  checkGCPQuotes(evidence.quotes, checks);
  const quotes = [];
  for (const quote of evidence.quotes) {
    if (gcpIsOfSHA1(quote)) {
      await verifyGCPSHA1(quote, found.key, context, checks);
      continue;
    }
    const verified = await verifyGCPQuote(quote, found.key, context, checks);
    if (verified !== null) quotes.push(verified);
  }
  if (evidence.unverified.length > 0) checks.notPerformed("gcp.unverified", `not read: ${evidence.unverified.join(", ")}`);
  const first = quotes.find(({ banks }) => banks.some(({ bank }) => bank === "sha256")) ?? quotes[0];
  const measured = first === undefined ? undefined : tpmMeasuredBank(first);
  if (measured === undefined) return null;
  for (const quote of quotes) await verifyTPMKeyName(found, null, certifiedOnly, quote, checks);
  const measurements = await verifyMeasurementLogs(evidence.logs, pcrMeasuredRegisters(measured), checks);
  const banks = quotes.flatMap((quote) => quote.banks);
  // Runtime events are extended into one bank; the firmware's log is about all of them.
  if (evidence.logs.runtime === null) {
    for (const other of banks) {
      if (other.bank !== measured.bank) await verifyMeasurementLogs(evidence.logs, pcrMeasuredRegisters(other), checks);
    }
  }
  if (!checks.holds || assurance === null || certified === null) return null;
  return { assurance, registers: pcrRegisters(banks), machine: certified, quotes, measurements, keyName: found.name };
}

async function verifyGCPInstance(evidence, isTrusted, checks) {
  if (!isTrusted || evidence.certificates.length === 0) {
    checks.notPerformed("gcp.instance", "there is no certificate that Google signed");
    return null;
  }
  try {
    const certified = readGCPInstance(await parseCertificate(evidence.certificates[0]));
    if (certified === null) {
      checks.fail("gcp.instance", `the extension ${gcpInstanceExtension}`, "a certificate without it");
      return null;
    }
    const describe = ({ instanceName, instanceID, zone }) => `${instanceName} (${instanceID}) in ${zone}`;
    const { instance } = certified;
    const claimed = evidence.instance;
    if (claimed !== null && Object.keys(instance).some((name) => instance[name] !== claimed[name])) {
      checks.fail("gcp.instance", describe(instance), describe(claimed));
      return null;
    }
    checks.pass("gcp.instance", describe(instance));
    return certified;
  } catch (error) {
    tpmFail(checks, "gcp.instance", error);
    return null;
  }
}

function checkGCPQuotes(quotes, checks) {
  const banks = quotes.flatMap(({ pcrs }) => pcrs.map(({ bank }) => bank));
  const boots = new Set();
  for (const { quote } of quotes) {
    try {
      const { resetCount, restartCount } = parseTPMQuote(quote).clockInfo;
      boots.add(`${resetCount} resets, ${restartCount} restarts`);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
    }
  }
  const holds = new Set(banks).size === banks.length && boots.size <= 1 && !quotes.every(gcpIsOfSHA1);
  checks.require("gcp.quotes", holds, "each bank once, one of SHA-256 or better, all of one boot", `${banks.join(", ")}; ${[...boots].sort().join("; ")}`);
}

async function verifyGCPQuote({ quote, signature: bytes, pcrs }, key, context, checks) {
  let signature;
  try {
    signature = parseTPMSignature(bytes);
  } catch (error) {
    tpmFail(checks, "tpm.signature", error);
    return null;
  }
  return verifyTPMQuote({ quote, signature, key, pcrs, binding: context.binding }, checks);
}

/** The same checks, of which that of the bank alone may fail. */
async function verifyGCPSHA1(quote, key, context, checks) {
  const apart = new CheckList();
  await verifyGCPQuote(quote, key, context, apart);
  const failed = apart.checks.filter(({ state }) => state === "failed").map(({ id }) => id);
  checks.require("gcp.sha1", failed.length === 1 && failed[0] === "tpm.bank", "tpm.bank alone to fail", failed.join(", "));
}

function readGCPPolicy(reader) {
  const policy = { quote: readQuotePolicy(reader), measurements: readMeasurementPolicy(reader) };
  const production = reader.value("production");
  if (production !== true && production !== "any") throw new FieldError(reader.at("production"), "true or any", kindOf(production));
  policy.demandsProduction = production === true;
  policy.projects = readGCPNames(reader, "projects");
  policy.zones = readGCPNames(reader, "zones");
  return policy;
}

function readGCPNames(reader, name) {
  const json = reader.value(name);
  if (json === "any") return null;
  const isName = (text) => typeof text === "string" && text !== "" && utf8(text).length <= gcpTextBytes;
  if (!Array.isArray(json) || json.length < 1 || json.length > 256 || !json.every(isName) || new Set(json).size !== json.length) {
    throw new FieldError(reader.at(name), "any, or 1 to 256 names", kindOf(json));
  }
  return json;
}

async function appraiseGCP(policy, claims, checks) {
  const quote = claims.quotes.find(({ banks }) => banks.some(({ bank }) => bank === policy.quote.bank)) ?? claims.quotes[0];
  appraiseQuote(policy.quote, quote, checks);
  await appraiseMeasurements(policy.measurements, claims.measurements, checks);
  checks.demand(["gcp.production"]);
  const { isProduction, instance } = claims.machine;
  if (policy.demandsProduction) {
    checks.require("gcp.production", isProduction === true, "production", { true: "production", false: "not production", null: "not said" }[isProduction]);
  } else {
    checks.waive("gcp.production", "the policy accepts machines that are not for production");
  }
  for (const [id, names, actual] of [["gcp.project", policy.projects, instance.projectID], ["gcp.zone", policy.zones, instance.zone]]) {
    checks.demand([id]);
    if (names === null) checks.waive(id, "the policy accepts any");
    else checks.require(id, names.includes(actual), [...names].sort().join(" or "), actual);
  }
}

evidenceKinds["gcp-vtpm"] = { read: readGCPEvidence, verify: verifyGCPEvidence, readPolicy: readGCPPolicy, appraise: appraiseGCP };

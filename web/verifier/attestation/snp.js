// AMD SEV-SNP reports: the twin of Sources/Attestation/SEVSNP.

/** AMD's published roots, and what hangs between them and the keys of chips and providers. */
const snpCertificates = {
  arkMilan:
    "MIIGYzCCBBKgAwIBAgIDAQAAMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstTWlsYW4wHhcNMjAxMDIyMTcyMzA1WhcNNDUxMDIyMTcyMzA1WjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJQVJLLU1pbGFuMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEA0Ld52RJOdeiJlqK2JdsVmD7FktuotWwX1fNgW41XY9Xz1HEhSUmhLz9Cu9DHRlvgJSNxbeYYsnJfvyjx1MfU0V5tkKiU1EesNFta1kTA0szNis" +
    "dYc9isqk7mXT5+KfGRbfc4V/9zRIcE8jlHN61S1ju8X93+6dxDUrG2SzxqJ4BhqyYmUDruPXJSX4vUc01P7j98MpqOS95rORdGHeI52Naz5m2B+O+vjsC060d37jY9LFeu" +
    "OP4Meri8qgfi2S5kKqg/aF6aPtuAZQVR7u3KFYXP59XmJgtcog05gmI0T/OitLhuzVvpZcLph0odh/1IPXqx3+MnjD97A7fXpqGd/y8KxX7jksTEzAOgbKAeam3lm+3yKI" +
    "cTYMlsRMXPcjNbIvmsBykD//xSniusuHBkgnlENEWx1UcbQQrs+gVDkuVPhsnzIRNgYvM48Y+7LGiJYnrmE8xcrexekBxrva2V9TJQqnN3Q53kt5viQi3+gCfmkwC0F0ti" +
    "rIZbLkXPrPwzZ0M9eNxhIySb2npJfgnqz55I0u33wh4r0ZNQeTGfw03MBUtyuzGesGkcw+loqMaq1qR4tjGbPYxCvpCq7+OgpCCoMNit2uLo9M18fHz10lOMT8nWAUvRZF" +
    "zteXCm+7PHdYPlmQwUw3LvenJ/ILXoQPHfbkH0CyPfhl1jWhJFZasCAwEAAaN+MHwwDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBSFrBrRQ/fIrFXUxR1BSKvVeErUUzAP" +
    "BgNVHRMBAf8EBTADAQH/MDoGA1UdHwQzMDEwL6AtoCuGKWh0dHBzOi8va2RzaW50Zi5hbWQuY29tL3ZjZWsvdjEvTWlsYW4vY3JsMEYGCSqGSIb3DQEBCjA5oA8wDQYJYI" +
    "ZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBA4ICAQC6m0kDp6zv4Ojfgy+zleehsx6ol0ocgVelETobpx+EuCsqVFRPK1jZ1sp/" +
    "lyd9+0fQ0r66n7kagRk4Ca39g66WGTJMeJdqYriwSTjjDCKVPSesWXYPVAyDhmP5n2v+BYipZWhpvqpaiO+EGK5IBP+578QeW/sSokrKdHaLAxG2LhZxj9aF73fqC7OAJZ" +
    "5aPonw4RE299FVarh1Tx2eT3wSgkDgutCTB1YqzT5DuwvAe+co2CIVIzMDamYuSFjPN0BCgojl7V+bTou7dMsqIu/TW/rPCX9/EUcpKGKqPQ3P+N9r1hjEFY1plBg93t53" +
    "OOo49GNI+V1zvXPLI6xIFVsh+mto2RtgEX/epmMKTNN6psW88qg7c1hTWtN6MbRuQ0vm+O+/2tKBF2h8THb94OvvHHoFDpbCELlqHnIYhxy0YKXGyaW1NjfULxrrmxVW4w" +
    "cn5E8GddmvNa6yYm8scJagEi13mhGu4Jqh3QU3sf8iUSUr09xQDwHtOQUVIqx4maBZPBtSMf+qUDtjXSSq8lfWcd8bLr9mdsUnJZJ0+tuPMKmBnSH860llKk+VpVQsgqbz" +
    "DIvOLvD6W1Umq25boxCYJ+TuBoa4s+HHCViAvgT9kf/rBq1d+ivj6skkHxuzcxbk1xv6ZGxrteJxVH7KlX7YRdZ6eARKwLe4AFZEAwoKCQ==",
  askMilan:
    "MIIGiTCCBDigAwIBAgIDAQABMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstTWlsYW4wHhcNMjAxMDIyMTgyNDIwWhcNNDUxMDIyMTgyNDIwWjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJU0VWLU1pbGFuMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEAnU2drrNTfbhNQIllf+W2y+ROCbSzId1aKZft2T9zjZQOzjGccl17i1mIKWl7NTcB0VYXt3JxZSzOZjsjLNVAEN2MGj9TiedL+QewKZX0JmQEuY" +
    "jm+WKksLtxgdLp9E7EZNwNDqV1r0qRP5tB8OWkyQbIdLeu4aCz7j/Sl1FkBytev9sbFGzt7cwnjzi9m7noqsk+uRVBp3+In35QPdcj8YflEmnHBNvuUDJhLCJMW8KOjP6+" +
    "+Phbs3iCitJcANEtW4qTNFoKW3CHlbcSCjTM8KsNbUx3A8ek5EVLjZWH1pt9E3TfpR6XyfQKnY6kl5aEIPwdW3eFYaqCFPrIo9pQT6WuDSP4JCYJbZneKKIbZjzXkJt3NQ" +
    "G32EukYImBb9SCkm9+fS5LZFg9ojzubMX3+NkBoSXI7OPvnHMxjup9mw5se6QUV7GqpCA2TNypolmuQ+cAaxV7JqHE8dl9pWf+Y3arb+9iiFCwFt4lAlJw5D0CTRTC1Y5Y" +
    "WFDBCrA/vGnmTnqG8C+jjUAS7cjjR8q4OPhyDmJRPnaC/ZG5uP0K0z6GoO/3uen9wqshCuHegLTpOeHEJRKrQFr4PVIwVOB0+ebO5FgoyOw43nyFD5UKBDxEB4BKo/0uAi" +
    "KHLRvvgLbORbU8KARIs1EoqEjmF8UtrmQWV2hUjwzqwvHFei8rPxMCAwEAAaOBozCBoDAdBgNVHQ4EFgQUO8ZuGCrD/T1iZEib47dHLLT8v/gwHwYDVR0jBBgwFoAUhawa" +
    "0UP3yKxV1MUdQUir1XhK1FMwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC5jb20vdm" +
    "Nlay92MS9NaWxhbi9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIBAIgeUQSc" +
    "Af3lDYqgWU1VtlDbmIN8S2dC5kmQzsZ/HtAjQnLEPI1jh3gJbLxL6gf3K8jxctzOWnkYcbdfMOOr28KT35IaAR20rekKRFptTHhe+DFr3AFzZLDD7cWK29/GpPitPJDKCv" +
    "I7A4Ug06rk7J0zBe1fz/qe4i2/F12rvfwCGYhcRxPy7QF3q8fR6GCJdB1UQ5SlwCjFxD4uezURztIlIAjMkt7DFvKRh+2zK+5plVGGFsjDJtMz2ud9y0pvOE4j3dH5IW9j" +
    "GxaSGStqNrabnnpF236ETr1/a43b8FFKL5QNmt8Vr9xnXRpznqCRvqjr+kVrb6dlfuTlliXeQTMlBoRWFJORL8AcBJxGZ4K2mXftl1jU5TLeh5KXL9NW7a/qAOIUs2FiOh" +
    "qrtzAhJRg9Ij8QkQ9Pk+cKGzw6El3T3kFrEg6zkxmvMuabZOsdKfRkWfhH2ZKcTlDfmH1H0zq0Q2bG3uvaVdiCtFY1LlWyB38JS2fNsR/Py6t5brEJCFNvzaDky6KeC4io" +
    "n/cVgUai7zzS3bGQWzKDKU35SqNU2WkPI8xCZ00WtIiKKFnXWUQxvlKmmgZBIYPe01zD0N8atFxmWiSnfJl690B9rJpNR/fIajxCW3Seiws6r1Zm+tCuVbMiNtpS9ThjNX" +
    "4uve5thyfE2DgoxRFvY1CsoF5M",
  asvkMilan:
    "MIIGjzCCBD6gAwIBAgIDAQEBMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstTWlsYW4wHhcNMjIxMTE2MjI0NTI0WhcNNDcxMTE2MjI0NTI0WjCBgDEUMBIGA1UECwwLRW5naW5lZXJpbmcxCzAJBgNVBAYTAlVTMRQwEgYDVQ" +
    "QHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExHzAdBgNVBAoMFkFkdmFuY2VkIE1pY3JvIERldmljZXMxFzAVBgNVBAMMDlNFVi1WTEVLLU1pbGFuMIICIjANBgkqhkiG" +
    "9w0BAQEFAAOCAg8AMIICCgKCAgEA1EUWkz5FTPz+uWT2hCEyisam8FRuXZAmS3l+rXgSCeS1Q0+1olcnFSJpiwfssfhoutJqePyicu+OhkX131PMeO/VOtH3upK4YNJmq3" +
    "6IJp7ZWIm5nK2fJNkYEHW0m/NXcIA9U2iHl5bAQ5cbGp97/FaOJ4VmGoTMV658Yox/plFmZRFfRcsw2hyNhqUl1gzdpnIIgPkygUovFEgaa0IVSgGLHQhZQiebNLLSVWRV" +
    "Reve0t94zlRIRRdrz84cckP9H9DTAUMyQaxSZbPINKbV6TPmtrwAV9UP1Qq418xn9I+C0SsWutP/5S1OiL8OTzQ4CvgbHOfd2F3yVv4xDBza4SelF2igoDf+BF4XI/IIHJ" +
    "L2N5uKy3+gkSB2Xl6prohgVmqRFvBW9OTCEa32WhXu0t1Z1abEKDZ3LpZt9/Crg6zyPpXDLR/tLHHpSaPRj7CTzHieKMTz+Q6RrCCQcHGfaAD/ETNY56aHvNJRZgbzXDUJ" +
    "vnLr3dYyOvvn/DtKhCSimJynn7Len4ArDVQVwXRPe3hR/asCE2CajT7kGC1AOtUzQuIKZS2D0Qk74g297JhLHpEBlQiyjRJ+LCWZNx9uJcixGyzav6fiOWx4U8uWhRzHs8" +
    "nvDAdcS4LW31tPlA9BeOK/BGimQTu7hM5MDFZL0C9dWK5puCUJex6I2vSqvycCAwEAAaOBozCBoDAdBgNVHQ4EFgQUNuJXE6qi45/CgqkKRPtVLObC7pEwHwYDVR0jBBgw" +
    "FoAUhawa0UP3yKxV1MUdQUir1XhK1FMwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC" +
    "5jb20vdmxlay92MS9NaWxhbi9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIB" +
    "AI7ayEXDNj1rCVnjQFb6L91NNOmEIOmi6XtopAqr8fj7wqXap1MY82Y0AIi1K9R7C7G1sCmY8QyEyX0zqHsoNbU2IMcSdZrIp8neT8afv8tPt7qoW3hZ+QQRMtgVkVVrjJ" +
    "ZelvlB74xr5ifDcDiBd2vu/C9IqoQS4pVBKNSFpofzjtYKvebBBBXxeM2b901UxNgVjCY26TtHEWN9cA6cDVqDDCCL6uOeR9UOvKDSSqlM6nXldSj7bgK7Wh9M9587IwRv" +
    "NZluXc1CDiKMZybLdSKOlyMJH9ss1GPn0eBVEhVjf/gttn7HrcQ9xJZVXyDtL3tkGzemrPK14NOYzmph6xr1iiedAzOVpNdPiEXn2lvas0P4TD9UgBh0Y7xyf2yENHiSgJ" +
    "T4T8Iktm/TSzuh4vqkQ72A1HdNTGjoZcfzKCsQJ/YuFICeaNxw5cIAGBK/o+6Ek32NPv5XtixNOhEx7GsaVRG05bq5oTt14b4hKYhqV1CDrX5hiVRpFFDs/sAGfgTzLdiG" +
    "XLcvYAUz1tCKIT/eQS9c4/yitn4F3mCPd4uQB+fggMtK0qPRthpFtc2SqVCTvHnhxyXqo7GpXMsssgLgKNwaFPe2+Ld5OwPR6Pokji9h55m05Dxob8XtD4gW6oFLo9Icg7" +
    "XqdOr9Iip5RBIPxy7rKk/ReqGs9KH70YPk",
  arkGenoa:
    "MIIGYzCCBBKgAwIBAgIDAgAAMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstR2Vub2EwHhcNMjIwMTI2MTUzNDM3WhcNNDcwMTI2MTUzNDM3WjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJQVJLLUdlbm9hMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEA3Cd95S/uFOuRIskW9vz9VDBF69NDQF79oRhL/L2PVQGhK3YdfEBgpF/JiwWFBsT/fXDhzA01p3LkcT/7LdjcRfKXjHl+0Qq/M4dZkh6QDoUeKz" +
    "NBLDcBKDDGWo3v35NyrxbA1DnkYwUKU5AAk4P94tKXLp80oxt84ahyHoLmc/LqsGsp+oq1Bz4PPsYLwTG4iMKVaaT90/oZ4I8oibSru92vJhlqWO27d/Rxc3iUMyhNeGTo" +
    "Ovgx/iUo4gGpG61NDpkEUvIzuKcaMx8IdTpWg2DF6SwF0IgVMffnvtJmA68BwJNWo1E4PLJdaPfBifcJpuBFwNVQIPQEVX3aP89HJSp8YbY9lySS6PlVEqTBBtaQmi4ATG" +
    "mMR+n2K/e+JAhU2Gj7jIpJhOkdH9firQDnmlA2SFfJ/Cc0mGNzW9RmIhyOUnNFoclmkRhl3/AQU5Ys9Qsan1jT/EiyT+pCpmnA+y9edvhDCbOG8F2oxHGRdTBkylungrkX" +
    "JGYiwGrR8kaiqv7NN8QhOBMqYjcbrkEr0f8QMKklIS5ruOfqlLMCBw8JLB3LkjpWgtD7OpxkzSsohN47Uom86RY6lp72g8eXHP1qYrnvhzaG1S70vw6OkbaaC9EjiH/uHg" +
    "AJQGxon7u0Q7xgoREWA/e7JcBQwLg80Hq/sbRuqesxz7wBWSY254cCAwEAAaN+MHwwDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBSfXfn+DdjzWtAzGiXvgSlPvjGoWzAP" +
    "BgNVHRMBAf8EBTADAQH/MDoGA1UdHwQzMDEwL6AtoCuGKWh0dHBzOi8va2RzaW50Zi5hbWQuY29tL3ZjZWsvdjEvR2Vub2EvY3JsMEYGCSqGSIb3DQEBCjA5oA8wDQYJYI" +
    "ZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBA4ICAQAdIlPBC7DQmvH7kjlOznFx3i21SzOPDs5L7SgFjMC9rR07292GQCA7Z7Ul" +
    "q97JQaWeD2ofGGse5swj4OQfKfVv/zaJUFjvosZOnfZ63epu8MjWgBSXJg5QE/Al0zRsZsp53DBTdA+Uv/s33fexdenT1mpKYzhIg/cKtz4oMxq8JKWJ8Po1CXLzKcfrTp" +
    "hjlbkh8AVKMXeBd2SpM33B1YP4g1BOdk013kqb7bRHZ1iB2JHG5cMKKbwRCSAAGHLTzASgDcXr9Fp7Z3liDhGu/ci1opGmkp12QNiJuBbkTU+xDZHm5X8Jm99BX7NEpzlO" +
    "wIVR8ClgBDyuBkBC2ljtr3ZSaUIYj2xuyWN95KFY49nWxcz90CFa3Hzmy4zMQmBe9dVyls5eL5p9bkXcgRMDTbgmVZiAf4afe8DLdmQcYcMFQbHhgVzMiyZHGJgcCrQmA7" +
    "MkTwEIds1wx/HzMcwU4qqNBAoZV7oeIIPxdqFXfPqHqiRlEbRDfX1TG5NFVaeByX0GyH6jzYVuezETzruaky6fp2bl2bczxPE8HdS38ijiJmm9vl50RGUeOAXjSuInGR4b" +
    "sRufeGPB9peTa9BcBOeTWzstqTUB/F/qaZCIZKr4X6TyfUuSDz/1JDAGl+lxdM0P9+lLaP9NahQjHCVf0zf1c1salVuGFk2w/wMz1R1BHg==",
  askGenoa:
    "MIIGiTCCBDigAwIBAgIDAgACMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstR2Vub2EwHhcNMjIxMDMxMTMzMzQ4WhcNNDcxMDMxMTMzMzQ4WjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJU0VWLUdlbm9hMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEAoHJhvk4Fwwkwb03AMfLySXJSXmEaCZMTRbLgPaj4oEzaD9tGfxCSw/nsCAiXHQaWUt++bnbjJO05TKT5d+Cdrz4/fiRBpbhf0xzvh11O+wJTBP" +
    "j3uCzDm48vEZ8l5SXMO4wd/QqwsrejFERPD/Hdfv1mGCMW7ac0ug8trDzqGe+l+p8NMjp/EqBDY2vd8hLaVLmS+XjAqlYVNRksh9aTzSYL19/cTrBDmqQ2y8k23zNl2lW6" +
    "q/BtQOpWGVs3EWvBHb/Qnf3f3S9+lC4H2jdDy9yn7kqyTWq4WCBnE4qhYJRokulYtzMZM1Ilk4Z6RPkOTR1MJ4gdFtj7lKmrkSuOoJYmqhJIsQJ854lAbJybgU7zyzWAwu" +
    "3uaslkYKUEAQf2ja5Hyl3IBqOzpqY31SpKzbl8NXveZybRMklwfe4iDLI25T9ku9CVetDYifCbdGeuHdTwZBBemW4NE57L7iEV8+zz8nxng8OMX//4pXntWqmQbEAnBLv2" +
    "ToTgd1H2zYRthyDLc3V119/+FnTW17LK6bKzTCgEnCHQEcAt0hDQLLF799+2lZTxxfBEoduAZax6IjgAMCi6e1ZfKPJSkdvb2m3BwfP8bniG7+AEJv1WOEmnBJc1pVQCtt" +
    "bJUodbi07Vfen5JRUqAvSM3ObWQOzSAGzsGnpIigwFpW6m9F7uYVUCAwEAAaOBozCBoDAdBgNVHQ4EFgQUssZ7pDW7HJVkHAmgQf/F3EmGFVowHwYDVR0jBBgwFoAUn135" +
    "/g3Y81rQMxol74EpT74xqFswEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC5jb20vdm" +
    "Nlay92MS9HZW5vYS9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIBAIgu3V2t" +
    "QJOo0/6GvNmwLXbLDrsLKXqHUqdGyOZUpPHM3ujTaex1G+8bEgBswwBa+wNvl1SQqRqy2x2QwP+i//BcWr3lMrUxci4G7/P8hZBV821nrAUZtbvfqla5MrRH9AKJXWW/pm" +
    "td10czqCHkzdLQNZNjt2dnZHMQAMtGs1AtynREHNwEBiH2KAt7gUc/sKWnSCipztKE76puN/XXbSx+Ws+VPiFw6CBAeI9dqnEiQ1tpEgqtWEtcKm7Ggb1XH6oWbISoowvc" +
    "00/ADWfNom0xl6v2C6RIWYgUoZ2f7PCyV3Dtbu/fQfyyZvmtVLA4gB2Ehc6Omjy21Y55WY9IweHlKENMPEUVtRqOvRVI0ml9Wbalf049joCu2j33XPqwp3IrzevmPBDGpR" +
    "2Stdm3K66a/g/BSY7Wc9/VeykP3RXlxY1TMMJ8F1lpg6Tmu+c+vow7cliyqOoayAnR71U8+rWrL3HRHheSVX8GPYOaDNBTt831Z027vDWv3811vMoxYxhuTRaokvNWCSzm" +
    "J2EWrPYHcHOtkjSFKN7ot0Rc70fIRZEYc2rb3ywLSicEq3JQCnnz6iCZ1tMfplzcrJ2LnW2F1C8yRV+okylyORlsaxOLKYOWjaDTSFaq1NIwodHp7X9fOG48uRuJWS8Gmi" +
    "fD969sC4Ut2FJFoklceBVUNCHR",
  asvkGenoa:
    "MIIGjzCCBD6gAwIBAgIDAgEBMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstR2Vub2EwHhcNMjIxMTE4MjA0ODM0WhcNNDcxMTE4MjA0ODM0WjCBgDEUMBIGA1UECwwLRW5naW5lZXJpbmcxCzAJBgNVBAYTAlVTMRQwEgYDVQ" +
    "QHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExHzAdBgNVBAoMFkFkdmFuY2VkIE1pY3JvIERldmljZXMxFzAVBgNVBAMMDlNFVi1WTEVLLUdlbm9hMIICIjANBgkqhkiG" +
    "9w0BAQEFAAOCAg8AMIICCgKCAgEAzL2/xihHscEpxS3+OsQZpAuNIJGSEQZrkoWPtqKMjjZOyXMMRHAheTm56Ei0Mb8TJZlbGDS5x/AdbowstGmpHqh2zvSvjZO7V4v6Ft" +
    "84p71P6GXfOVEQgCuatiszfIwFrRQk/cmU7HuJadBq6XtYE+qBJMjus8C0WwW/IWY9j6pNbEA1SnUvVg6t89zfE+AcB5UDCKq09x7qw+rPt9pTpEch0f1bHdRFJlpgWGTq" +
    "02ohH9bT+6au8kPpvMa3m2p8zdIIqtuuSG6srIimrpt24lsr4tLhQG65R/RbVJT9MsK4ULpbAUO5NwdlLwbnpLWHiUwoYrySMD8l3xRDvhPmInlXEFEo8lahcYllxiJJR8" +
    "oqqA6x3jPFKmkfhEgaQefcn4P8nA4SScqAoLihn75iiDtU2+ZlkPnKgcNs5U1Le441ypen2n7BOnRyhmwyAUBGk3OcMXHsJ6KGpDJyTVCaC3fWX3ex4Iv4LkuKRA6O9yu3" +
    "zHP23N/ubE8/YykffIjMbtBoOAzdWCn9lE4amo4VZ+8ewIutZAYmC5TIQO+wWUqKYr0iAobccMnZdJjUORjVoqVQ+dLr+/1otk36gfPc0LpmhWZKfAXF9sgvYtQjcaR9wl" +
    "Gr8ySRtZ2YJWofuR7zgYFJPEXRwAnbAR/05hBmog7CMt1F9YKSmku6JfRecY8CAwEAAaOBozCBoDAdBgNVHQ4EFgQUhEdjn8HQNI9bN2NAKL9zgM6VNoowHwYDVR0jBBgw" +
    "FoAUn135/g3Y81rQMxol74EpT74xqFswEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC" +
    "5jb20vdmxlay92MS9HZW5vYS9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIB" +
    "ALgCTyTS/ppxo42n2LOox42LvNIsn2/ZaMs2NfCj4f2+VN5Xs1NNdptn2nq/SKu5aKnLS5XGWCnHfMSKZ7vqHLKMa0Wxfm+4JahOItQ3+PzbTa0EwUkq1u6oezhTHywX1P" +
    "ilNRc4EjWgQ6ba/z4BBxO3P10tW/C39VS0Cv8SN5G2bfZrPkjy6LBjGiaT4MBcsN+SM2o5QgKRG0qqn+edegHMmTPBDV2qCKbe5CBsa122q+F6S9hPEEiGkz/IpShnSGCa" +
    "FvbEu0Uvh2dYUlrON2peZMDkevKurDXlGxTehAflCiugBsNeJivx0j7B/HazAvxkLPTCkIdmQJccezF5PCgmMW0SeP4cMb5Ewzv/yCsTLyh13YsYBww5eW4DBREd/vCAS7" +
    "F1JQUZ4twQy/jqBAJhcDyGuRnnwrRevGdWsb3cXBqeLCub7CKZ1n/zqSRHq8FRgoroPRpfFjSGhDVFbjj7bDzWU6WNmF/7LpnqG+tIMyRc+3Y3yRAYchFNOFHyS6R2C0KT" +
    "y1nRSYwBUdQtGaQ0rE3e5Mulcidh4qkIxpp089vzqV8JTSJsRzTOzkujOuHUYPKswJ1TvQr5S1C0gPN2qAESnCs7Nf2x82DSxmEqaiI7xS58pR6vZ8BeXMGPPQqgOm/oBz" +
    "OypVR3iCG6MFdjsTNA6M8P7GCZe1p72cko",
  arkTurin:
    "MIIGYzCCBBKgAwIBAgIDAwAAMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstVHVyaW4wHhcNMjMwNTE1MjAwMzEyWhcNNDgwNTE1MjAwMzEyWjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJQVJLLVR1cmluMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEAwaAriB7EIuVc4ZB1wD3YfDxL+9eyS7+izm0Jj3W772NINCWl8Bj3w/JD2ZjmbRxWdIq/4d9iarCKorXloJUB1jRdgxqccTx1aOoig4+2w1XhVV" +
    "JT7K457wT5ZLNJgQaxqa9Etkwjd6+9sOhlCDE9l43kQ0R2BikVJa/uyyVOSwEk5w5tXKOuG9jvq6QtAMJasW38wlqRDaKEGtZ9VUgGon27ZuL4sTJuC/azz9/iQBw8kEil" +
    "zOl95AiTkeY5jSEBDWbAqnZk5qlM7kISKG20kgQm14mhNKDI2p2oua+zuAG7i52epoRF2GfU0TYk/yf+vCNB2tnechFQuP2e8bLk95ZdqPi9/UWw4JXjtdEA4u2JYplSSU" +
    "PQVAXKt6LVqujtJcM59JKr2u0XQ75KwxcMp15gSXhBfInvPAwuAY4dEwwGqT8oIg4esPHwEsmChhYeDIxPG9R4fx9O0q6p8Gb+HXlTiS47P9YNeOpidOUKzDl/S1OvyhDt" +
    "SL8LJc24QATFydo/iD/KUdvFTRlD0crkAMkZLoWQ8hLDGc6BZJXsdd7Zf2e4UW3tI/1oh/2t23Ot3zyhTcv5gDbABu0LjVe98uRnS15SMwK//lJt9e5BqKvgABkSoABf+B" +
    "4VFtPVEX0ygrYaFaI9i5ABrxnVBmzXpRb21iI1NlNCfOGUPIhVpWECAwEAAaN+MHwwDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBRkoF9x4wwKZNg7deUBWZ4r7gYDRDAP" +
    "BgNVHRMBAf8EBTADAQH/MDoGA1UdHwQzMDEwL6AtoCuGKWh0dHBzOi8va2RzaW50Zi5hbWQuY29tL3ZjZWsvdjEvVHVyaW4vY3JsMEYGCSqGSIb3DQEBCjA5oA8wDQYJYI" +
    "ZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBA4ICAQA/i6Mz4IETMK8YU/HxP7Bfej5i4aXhenJoTuiDX0nqx5CDJm9ELhskxAkJ" +
    "/oLA1O92UoLybfFk4gEpKFtyfiUYex9LogZj5ix0sb2qfSSy9CRnOktGqfpel4e3KAhLgF5n2qZrqyq/8EPPldtSjEXn78sZMlIlUcQKSnnNCQZVFpktDfDiEiGNuitux3" +
    "ghHUrcVuxSbZcrXDbsbMF7NDdfLUUS9TijrL33lrCXJs7m8kggGyCusiRQKHli1AEswiA4xU+8xsZrByYTopiGYtbJK8s0UCCXylyOuKSubvdAnMDJ5GDD0+DX46LSfv7f" +
    "gGNSG+LOBWdif7KoQf9cIhKJtxGxZCn/tvHmwMzu4Jnx8N2vRnT+8DpBqhxtNvdXmrZUelSeQakx4djMKvmTR8Gd25EnC4RppCkjbmPxY3zPd1X7raalTn34EOF9DeLsC9" +
    "JfzkDuojxpHWMm30wKnDo20mlDQk/zKCDa2Zc+YjtsTZCrTbvdgCukTKNZOUUVlWRu+sO/OwrmS2p16seHTIqHEbE1LntPv3gkCcHGDSUAKx9c0Aol+Dj9xpb2nmGqoDeJ" +
    "59Ja6REkHCdw5TduXyqqMqfD1AX0/QDNdevCMKlWBRCQ7DFlog3H1a+r/kuMUZ/Ij9yyKlSgYZMJ4VgNKDgTQdcsAL0MCEMrzpacMwFusA==",
  askTurin:
    "MIIGiTCCBDigAwIBAgIDAwABMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstVHVyaW4wHhcNMjMwNTE1MjAyNTIxWhcNNDgwNTE1MjAyNTIxWjB7MRQwEgYDVQQLDAtFbmdpbmVlcmluZzELMAkGA1UEBhMCVVMxFDASBgNVBA" +
    "cMC1NhbnRhIENsYXJhMQswCQYDVQQIDAJDQTEfMB0GA1UECgwWQWR2YW5jZWQgTWljcm8gRGV2aWNlczESMBAGA1UEAwwJU0VWLVR1cmluMIICIjANBgkqhkiG9w0BAQEF" +
    "AAOCAg8AMIICCgKCAgEAnvg5Grv2Emd9lAhKdO64RXU3UESb6JTm0Hhzevx1PyxinxYqJL329qTJM0XmdozLYb7rsHxgM5I2pU18M8gect2pN/YB2LQ1/bIq37TPDbg7ym" +
    "0MN6KkZ6aERxAX0voYtdDyNxjDAUjpRpCe1FccAev/Es2n/Fz1G1TmC2XepTQqaKpmt6mnDWSCHCVsQoY0gSibeaG6doM6OiNUCbKXaC7KHH5b/96BD1DJ84M+JHqPClFh" +
    "HqUJwzKF5Qxj4wgWAZzK8UPhiNGjrF6+TBdlFGdSzEqw1jOrCTHduYyLK+5OQ3OIw4S+vZeOVoxJajTIWdsqYP2DLc0HkL0qWOumEOrrc2/4DeETShB0MyIpH05kSalyQN" +
    "2eN5P6ptOB84hddCdbJPEepnD+FqQap1ukw3K8uBcgeBSAF23r6UtT8Uc5h7MsWX3MoZiEHcSkDQQ8IedTk7CLjsK6S7b/lfKqfYiRhKgGkRvsEd/MDNcumHZKIgzasJwg" +
    "agzSggiUo9jXp3EWm84fqyxNXzSutPB7qD5P/ULAB+q9QgvrzC8XneaLP0MNrHhM80UejmsBTIktMvFoWVIelYDLdcoi0eMD5DRccfsgrYaY6h/+/qf9tgg+mX09UJpuSP" +
    "RF38oyqnNNFMl5v/tWLgUsChPU6NCQC17Qaqr8mu2ynyyuHEs5JVUCAwEAAaOBozCBoDAdBgNVHQ4EFgQUbYJXt6v2sMgUALjxD0WvG9aq628wHwYDVR0jBBgwFoAUZKBf" +
    "ceMMCmTYO3XlAVmeK+4GA0QwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC5jb20vdm" +
    "Nlay92MS9UdXJpbi9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIBAAXWJ3DP" +
    "ahralt5kXLPMm9oKlFRqeU3HcS7kA+VBlBA1lQRUhXkbXnTvW1GZcgdZvNCB/VlET61KbCzoFIhPIESVjjb/xWX2kg3X0HHmh1EtCDbHaUFM5rq6l+S1h7qOauRZebvrwA" +
    "pDzAANvW0LTHRumfGm/kqh9NDtVCIWPUZ1VQIgGx1T3dwmgOK8ncT1J3W5xIyS0Xu3KC6w7oBlq8G2pPgTcCBJ4JBCTXCEXiAAGaTR/TJIaSzoZFLhxYhCMjP8WQGToPGD" +
    "K2i/lZhkcGHnJOQ+lgrXfpLGqBtLlS3QODyVP0MomczG4dqw3THP3Y8Aq9c2KE7SylAKsS/bBKCqkj4OrABkDSkMQEz3BBoFD63aD5ZG/Qiz+tmhnptyPVcweC9uJlSWYm" +
    "25KiV4lT52uBjxatDZKQcrpdgcU8+ozzKU8ICnZPOwfWeyuNMq/juyd/rzg5IePyyvt+13aJ5MlZBXZxJKoxCYIMKUwZigf0XsBteT8gw10/xk5smIFIB2ERtTQPMuTENg" +
    "rPTUjOeiqmBg663c2dLVol+MDiT4ltqfEm4Kl/cc4f+H6bEwhj1QKAN2ipRf+mP0NfzJb+6ZHNsOvyq/WByYpLXV9JJoiDW/8RZwPU/Mn7IuQBauCy78G7FS0ta3q1et74" +
    "faYBBgeJ6awEasa25CvmsmlU0R",
  asvkTurin:
    "MIIGjzCCBD6gAwIBAgIDAwEBMEYGCSqGSIb3DQEBCjA5oA8wDQYJYIZIAWUDBAICBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAICBQCiAwIBMKMDAgEBMHsxFDASBg" +
    "NVBAsMC0VuZ2luZWVyaW5nMQswCQYDVQQGEwJVUzEUMBIGA1UEBwwLU2FudGEgQ2xhcmExCzAJBgNVBAgMAkNBMR8wHQYDVQQKDBZBZHZhbmNlZCBNaWNybyBEZXZpY2Vz" +
    "MRIwEAYDVQQDDAlBUkstVHVyaW4wHhcNMjMwNTE1MjEwOTQxWhcNNDgwNTE1MjEwOTQxWjCBgDEUMBIGA1UECwwLRW5naW5lZXJpbmcxCzAJBgNVBAYTAlVTMRQwEgYDVQ" +
    "QHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExHzAdBgNVBAoMFkFkdmFuY2VkIE1pY3JvIERldmljZXMxFzAVBgNVBAMMDlNFVi1WTEVLLVR1cmluMIICIjANBgkqhkiG" +
    "9w0BAQEFAAOCAg8AMIICCgKCAgEApjrui4l0ZogEh0fDdVfJ4unowGGolk2wXyzjbjC/fnqlhFqiFj1JSKdkYSvzPVfgDR0MU2WLlytrAGqOHYBdk4Moz3xHTXJus75Nef" +
    "0EBZpGk9M4PQGF+nTqYi+hDguq14wQUEltN9wGunnUeaMz0e6hfCasDevkypILMponvTvaM49RAipCvTgmPRTkQA8hjl3tA6R7S/HKTn6/Q3T74A0BfygK49LLkdHF05Wo" +
    "0pZ9qmPyhi0Rh9epY0L+/T2e17fohWcCavgE+KF5GO5XINzunwKolCCyH3930iAmb1vv5v4PimnGsfH4ic4kIApR1hZApU3YG3qUE84qkb5SEASQsTZCT0Jv/AxC9So5h2" +
    "wraVzWz6GvpPHEtRKvue5vehkwPjFipJMT5Z7CmNuXc+0lcVSZMHSbswFSHKKtp4F0UDoPnuIWw/djGDjkGXS9W5M2N3zVSbn94cJxCMzOTzILhcX/lJatooslfxvqucFH" +
    "8PpS9xBMhuN4fTPlNk/oVbQ6w8pxEMibo0K8Q+gOqqzdVm6i7jotobsuYxH1Httjsc61vSskSDT4JkPjqTWiyOmsFI+6Ob/hya/fqpe0EPy68TPk85COC7uqNMzu58xb0u" +
    "Att0beejDx29mRRbiPNL5tnwK9KFmZDpeZWSZgzvn2K+SQTK80ZKn8Yq2SKfUCAwEAAaOBozCBoDAdBgNVHQ4EFgQUhcyC6bne81Yf2PT1B54XmiyCCNMwHwYDVR0jBBgw" +
    "FoAUZKBfceMMCmTYO3XlAVmeK+4GA0QwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQQwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cHM6Ly9rZHNpbnRmLmFtZC" +
    "5jb20vdmxlay92MS9UdXJpbi9jcmwwRgYJKoZIhvcNAQEKMDmgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgEwowMCAQEDggIB" +
    "AH6VbG86NSqZ9yjcqVuBGCEYwK6uDBQQHbXmYJXVX81sPN9cclAs6J2yiHcyDFq1g7ICnHO0T36vcj3V/27x4o2pmjAk3SU0YbMl9pR+AMHZrIQQ7FTldVP9HdWYx/KenF" +
    "F42EFCAtOzgs9yLkyTviwX+d3YrWX0SXLMcuf0TO5VsCPX5DqcggneHruZMVICGTukY12cKYmasT74cms5WLzcQ5BVbttJmX+eHW6vDg3hlmvUmjuTNQVoF5k5KcbHVV6V" +
    "zG9SITLFozwdLSr5MbmfYHv7adLoNA5F1Ihff1it0sn5HktUD/2GVGtkXES/KFEnXzS7A9wUlMqAGQOsEBUhFcg3MUAt0SYnQ/B3JdV87+ZEawMRLxEIinKDERI/i+l9fw" +
    "61+R5TpSI3yhuQ4NGJAQ97dRqiy8EdiJOLLeT2DYOvi9pSJw3UqNuelINDlDCjChGimRv5Idjh0zbT6IjzagYY0rpSHbPgiJWrI2dA3qeJDEiEXQ++v4WP10fq+Jr5FTXi" +
    "IwNd+1VGxBizw184gLPnEoXv8br+YScnZjB8YW/oWsGuHz2kMTxOVT5Zizn3yVXvOpXFiwiavWQDJS52woXOwBzIyEdTPUL1E8s4KS2HQBzK1VfwvWcYNE5S0bAIMX1bYi" +
    "EyJkr49+VLypQx5sIDU1cbVw3Py5XISUxr",
};

compiledAnchors.push(
  ...[["ARK-Milan", "arkMilan"], ["ARK-Genoa", "arkGenoa"], ["ARK-Turin", "arkTurin"]].map(([name, member]) => ({
    name,
    purpose: "amd-sev",
    certificate: decodeBase64(snpCertificates[member]),
    assurance: { type: "hardware", by: "AMD" },
  })),
);

/** They complete a chain that came without them, and give no trust. */
const snpIntermediates = ["askMilan", "asvkMilan", "askGenoa", "asvkGenoa", "askTurin", "asvkTurin"].map((member) => decodeBase64(snpCertificates[member]));

const snpProducts = ["Milan", "Genoa", "Turin"];
const snpReportBytes = 0x4a0;
const snpSignedBytes = 0x2a0;

/** The line of processors of a combined family and model number, or null. */
function snpProductOf(family, model) {
  if (family === 0x19) {
    if (model <= 0x0f) return "Milan";
    if (model <= 0x1f || (model >= 0xa0 && model <= 0xaf)) return "Genoa";
  }
  return family === 0x1a && model <= 0x1f ? "Turin" : null;
}

/** Reads a report, all 1184 bytes. Throws FieldError. */
function readSNPReport(bytes) {
  if (bytes.length !== snpReportBytes) throw new FieldError("report", `${snpReportBytes} bytes`, `${bytes.length} bytes`);
  const reader = new ByteReader(bytes, "report");
  const report = { signedBytes: bytes.subarray(0, snpSignedBytes) };
  report.version = reader.little(4, "version");
  if (report.version < 2 || report.version > 5) throw new FieldError("report.version", "2 to 5", `${report.version}`);
  report.guestSVN = reader.little(4, "guest svn");
  report.policy = snpBits(reader.take(8, "policy"));
  if ((report.policy & (1n << 17n)) === 0n || report.policy >> 26n !== 0n) {
    throw new FieldError("report.policy", "bit 17 set and bits 26 to 63 clear", snpHex(report.policy));
  }
  report.familyID = reader.take(16, "family id");
  report.imageID = reader.take(16, "image id");
  report.vmpl = reader.little(4, "vmpl");
  if (report.vmpl > 3) throw new FieldError("report.vmpl", "0 to 3", `${report.vmpl}`);
  const algorithm = reader.little(4, "signature algorithm");
  if (algorithm !== 1) throw new FieldError("report.signature algorithm", "1, ECDSA P-384 with SHA-384", `${algorithm}`);
  report.currentTCB = reader.take(8, "current tcb");
  report.platform = snpBits(reader.take(8, "platform"));
  readSNPKeyInformation(report, reader.little(4, "key information"));
  reader.zeros(4, "reserved at 0x4c");
  report.reportData = reader.take(64, "report data");
  report.measurement = reader.take(48, "measurement");
  report.hostData = reader.take(32, "host data");
  report.idKeyDigest = reader.take(48, "id key digest");
  report.authorKeyDigest = reader.take(48, "author key digest");
  report.reportID = reader.take(32, "report id");
  report.migrationAgentReportID = reader.take(32, "report id of the migration agent");
  report.reportedTCB = reader.take(8, "reported tcb");
  if (report.version >= 3) {
    report.cpuid = { family: reader.little(1, "family"), model: reader.little(1, "model"), stepping: reader.little(1, "stepping") };
  } else {
    report.cpuid = null;
    reader.zeros(3, "reserved at 0x188");
  }
  reader.zeros(21, "reserved at 0x18b");
  report.chipID = reader.take(64, "chip id");
  report.committedTCB = reader.take(8, "committed tcb");
  report.currentFirmware = readSNPFirmware(reader, "current version");
  report.committedFirmware = readSNPFirmware(reader, "committed version");
  report.launchTCB = reader.take(8, "launch tcb");
  report.launchMitigations = null;
  report.currentMitigations = null;
  if (report.version >= 5) {
    report.launchMitigations = snpBits(reader.take(8, "launch mitigations"));
    report.currentMitigations = snpBits(reader.take(8, "current mitigations"));
  } else {
    reader.zeros(16, "reserved at 0x1f8");
  }
  reader.zeros(152, "reserved at 0x208");
  report.signature = concat(readSNPNumber(reader, "signature r"), readSNPNumber(reader, "signature s"));
  reader.zeros(368, "reserved behind the signature");
  reader.finish();
  return report;
}

function readSNPKeyInformation(report, word) {
  if (word >= 32) throw new FieldError("report.key information", "bits 5 to 31 clear", snpHex(BigInt(word)));
  const key = ["vcek", "vlek"][(word >> 2) & 7];
  if (key === undefined) throw new FieldError("report.signing key", "0 (VCEK) or 1 (VLEK)", `${(word >> 2) & 7}`);
  report.hasAuthorKey = (word & 1) === 1;
  report.masksChipKey = (word & 2) === 2;
  report.signingKey = key;
}

function readSNPFirmware(reader, field) {
  const build = reader.little(1, field);
  const minor = reader.little(1, field);
  const major = reader.little(1, field);
  reader.zeros(1, `reserved behind the ${field}`);
  return { major, minor, build };
}

/** A number of the signature: little-endian, 48 of 72 bytes. Nothing signs the rest, so it must be zero. */
function readSNPNumber(reader, field) {
  const number = reader.take(48, field);
  reader.zeros(24, `reserved behind ${field}`);
  return Uint8Array.from(number).reverse();
}

function snpBits(bytes) {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function snpHex(value) {
  return `0x${value.toString(16)}`;
}

/** The versions in the 8 bytes TCB_VERSION of a product. Throws FieldError. */
function readSNPTCB(bytes, product, field) {
  const reader = new ByteReader(bytes, field);
  const tcb = { fmc: product === "Turin" ? reader.little(1, "fmc") : null };
  tcb.bootLoader = reader.little(1, "boot loader");
  tcb.tee = reader.little(1, "tee");
  if (product !== "Turin") reader.zeros(4, "reserved");
  tcb.snp = reader.little(1, "snp");
  if (product === "Turin") reader.zeros(3, "reserved");
  tcb.microcode = reader.little(1, "microcode");
  reader.finish();
  return tcb;
}

function snpTCBText({ fmc, bootLoader, tee, snp, microcode }) {
  return [...(fmc === null ? [] : [fmc]), bootLoader, tee, snp, microcode].join("/");
}

/** Whether no component is below the minimum's. */
function snpTCBReaches(tcb, minimum) {
  return (tcb.fmc ?? 0) >= (minimum.fmc ?? 0) && ["bootLoader", "tee", "snp", "microcode"].every((name) => tcb[name] >= minimum[name]);
}

// Demands of policies: each member is there, and gives a check up only by the word "any", which is read as null.

function readAnyOr(reader, name, read) {
  const json = reader.value(name);
  return json === "any" ? null : read(json, reader.at(name));
}

function readAnyOrBoolean(reader, name) {
  const json = reader.value(name);
  if (json !== "any" && typeof json !== "boolean") throw new FieldError(reader.at(name), "any, true or false", kindOf(json));
  return json === "any" ? null : json;
}

/** null, or the list of what `element` makes of 1 to 64 values; `element` returns undefined for what it does not understand. */
function readAccepted(reader, name, element) {
  return readAnyOr(reader, name, (json, path) => {
    if (!Array.isArray(json) || json.length < 1 || json.length > 64) {
      throw new FieldError(path, "any, or an array of 1 to 64 values", kindOf(json));
    }
    return json.map((value, index) => {
      const read = element(value);
      if (read === undefined) throw new FieldError(`${path}[${index}]`, "a value that it can have", kindOf(value));
      return read;
    });
  });
}

function oneOf(values) {
  return (json) => (values.includes(json) ? json : undefined);
}

function integerIn(min, max) {
  return (json) => (Number.isSafeInteger(json) && json >= min && json <= max ? json : undefined);
}

/** Hexadecimal texts of so many bytes. */
function hexOf(...counts) {
  return (json) => (typeof json === "string" && counts.includes(decodeHex(json)?.length) ? json : undefined);
}

const snpGuestPolicyFlags = { smt: 16n, migration: 18n, singleSocket: 20n, cxl: 21n, aes256xts: 22n, raplOff: 23n, ciphertextHiding: 24n, pageSwapOff: 25n };
const snpPlatformFlags = { smt: 0n, tsme: 1n, ecc: 2n, raplOff: 3n, ciphertextHiding: 4n, aliasCheck: 5n, iommuWriteSafe: 6n, tio: 7n };

/** What a policy demands of SNP guests. Throws FieldError. */
function readSNPPolicy(reader) {
  const policy = {
    products: readAccepted(reader, "products", oneOf(snpProducts)),
    signingKeys: readAccepted(reader, "signingKeys", oneOf(["vcek", "vlek"])),
    providers: readAccepted(reader, "providers", (json) => (typeof json === "string" && json !== "" && utf8(json).length <= 256 ? json : undefined)),
    vmpls: readAccepted(reader, "vmpl", integerIn(0, 3)),
    minimumTCB: readAnyOr(reader, "minimumTCB", readSNPMinimumTCB),
  };
  policy.minimumFirmware = readAnyOr(reader, "minimumFirmware", (json, path) => readSNPNumbers(json, path, ["major", "minor", "build"]));
  policy.minimumGuestSVN = readAnyOr(reader, "minimumGuestSVN", (json, path) => {
    if (integerIn(0, 0xffffffff)(json) === undefined) throw new FieldError(path, "any, or an integer from 0 to 4294967295", kindOf(json));
    return json;
  });
  policy.guestPolicy = readAnyOr(reader, "guestPolicy", (json, path) => {
    const member = new FieldReader(json, path);
    const minimumABI = readAnyOr(member, "minimumABI", (json, path) => readSNPNumbers(json, path, ["major", "minor"]));
    return { minimumABI, flags: readSNPFlags(member, snpGuestPolicyFlags) };
  });
  policy.platform = readAnyOr(reader, "platform", (json, path) => readSNPFlags(new FieldReader(json, path), snpPlatformFlags));
  policy.mitigations = readAccepted(reader, "mitigations", integerIn(0, 63));
  policy.chips = readAccepted(reader, "chips", hexOf(8, 64));
  policy.familyIDs = readAccepted(reader, "familyIDs", hexOf(16));
  policy.imageIDs = readAccepted(reader, "imageIDs", hexOf(16));
  policy.hostData = readAccepted(reader, "hostData", hexOf(32));
  policy.idKeys = readAccepted(reader, "idKeys", hexOf(48));
  policy.authorKeys = readAccepted(reader, "authorKeys", hexOf(48));
  return policy;
}

function readSNPMinimumTCB(json, path) {
  if (!(json instanceof Map) || json.size === 0) throw new FieldError(path, "any, or an object with a member for each product", kindOf(json));
  const minimums = new Map();
  for (const [product, value] of json) {
    if (!snpProducts.includes(product)) throw new FieldError(path, snpProducts.join(", "), kindOf(product));
    const member = new FieldReader(value, `${path}.${product}`);
    const minimum = { fmc: product === "Turin" ? member.integer("fmc", 0, 255) : null };
    for (const name of ["bootLoader", "tee", "snp", "microcode"]) minimum[name] = member.integer(name, 0, 255);
    member.finish();
    minimums.set(product, minimum);
  }
  return minimums;
}

/** An object of these members, each a byte, as one number in their order. */
function readSNPNumbers(json, path, names) {
  const reader = new FieldReader(json, path);
  const number = names.reduce((value, name) => value * 256 + reader.integer(name, 0, 255), 0);
  reader.finish();
  return number;
}

function readSNPFlags(reader, flags) {
  const demands = Object.keys(flags).map((name) => [name, readAnyOrBoolean(reader, name)]);
  reader.finish();
  return demands.filter(([, value]) => value !== null);
}

/** The demanded flags that `bits` does not have. */
function snpDifferences(demands, flags, bits) {
  return demands.filter(([name, value]) => (((bits >> flags[name]) & 1n) === 1n) !== value).map(([name, value]) => `${name} ${value}`);
}

/** The demands of a policy on a genuine report. */
function appraiseSNP(policy, claims, checks) {
  const { report } = claims;
  checks.demand(["snp.debug"]);
  checks.require("snp.debug", (report.policy & (1n << 19n)) === 0n, "policy bit 19 clear", `policy ${snpHex(report.policy)}`);
  appraiseMembership("snp.accepted-product", policy.products, claims.product, checks);
  appraiseMembership("snp.signing-key", policy.signingKeys, report.signingKey, checks);
  appraiseMembership("snp.provider", policy.providers, claims.provider, checks);
  appraiseMembership("snp.vmpl", policy.vmpls, report.vmpl, checks);
  appraiseSNPTCB(policy.minimumTCB, claims, checks);
  const { major, minor, build } = report.committedFirmware;
  appraiseMinimum("snp.firmware", policy.minimumFirmware, (major * 256 + minor) * 256 + build, checks);
  appraiseMinimum("snp.guest-svn", policy.minimumGuestSVN, report.guestSVN, checks);
  appraiseSNPGuestPolicy(policy.guestPolicy, report, checks);
  checks.demand(["snp.platform"]);
  if (policy.platform === null) checks.waive("snp.platform", "the policy accepts any");
  else {
    const different = snpDifferences(policy.platform, snpPlatformFlags, report.platform);
    if (report.platform >> 8n !== 0n) different.push("bits 8 to 63 clear");
    checks.require("snp.platform", different.length === 0, different.join(", "), `platform ${snpHex(report.platform)}`);
  }
  checks.demand(["snp.mitigations"]);
  if (policy.mitigations === null) checks.waive("snp.mitigations", "the policy accepts any");
  else {
    const mask = policy.mitigations.reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
    const held = (report.launchMitigations ?? 0n) & (report.currentMitigations ?? 0n) & mask;
    checks.require("snp.mitigations", held === mask, `${snpHex(mask)} at launch and now`, `${snpHex(held)} of them`);
  }
  appraiseMembership("snp.accepted-chip", policy.chips, claims.hardwareID === null ? null : hex(claims.hardwareID), checks);
  appraiseMembership("snp.family-id", policy.familyIDs, hex(report.familyID), checks);
  appraiseMembership("snp.image-id", policy.imageIDs, hex(report.imageID), checks);
  appraiseMembership("snp.host-data", policy.hostData, hex(report.hostData), checks);
  appraiseMembership("snp.id-key", policy.idKeys, hex(report.idKeyDigest), checks);
  appraiseMembership("snp.author-key", policy.authorKeys, hex(report.authorKeyDigest), checks);
}

/** A value is one of those accepted; null is none of them. */
function appraiseMembership(id, accepted, value, checks) {
  checks.demand([id]);
  if (accepted === null) return checks.waive(id, "the policy accepts any");
  checks.require(id, value !== null && accepted.includes(value), accepted.map(String).sort().join(" or "), value === null ? "none" : `${value}`);
}

function appraiseMinimum(id, minimum, value, checks) {
  checks.demand([id]);
  if (minimum === null) return checks.waive(id, "the policy accepts any");
  checks.require(id, value >= minimum, `at least ${minimum}`, `${value}`);
}

/** Each component of each version reaches the product's minimum. */
function appraiseSNPTCB(minimums, claims, checks) {
  const versions = ["reported", "committed", "launch", "current"];
  checks.demand(versions.map((name) => `snp.tcb.${name}`));
  for (const name of versions) {
    const id = `snp.tcb.${name}`;
    if (minimums === null) {
      checks.waive(id, "the policy accepts any");
      continue;
    }
    const minimum = minimums.get(claims.product);
    const tcb = claims.tcbs[name];
    if (minimum === undefined) checks.fail(id, `a minimum for ${[...minimums.keys()].sort().join(", ")}`, claims.product);
    else checks.require(id, snpTCBReaches(tcb, minimum), `at least ${snpTCBText(minimum)}`, snpTCBText(tcb));
  }
}

function appraiseSNPGuestPolicy(demands, report, checks) {
  checks.demand(["snp.abi", "snp.guest-policy"]);
  if (demands === null) {
    checks.waive("snp.abi", "the policy accepts any");
    return checks.waive("snp.guest-policy", "the policy accepts any");
  }
  const abi = Number(report.policy & 0xffffn);
  if (demands.minimumABI === null) checks.waive("snp.abi", "the policy accepts any");
  else checks.require("snp.abi", abi >= demands.minimumABI, `at least ${demands.minimumABI >> 8}.${demands.minimumABI & 255}`, `${abi >> 8}.${abi & 255}`);
  const different = snpDifferences(demands.flags, snpGuestPolicyFlags, report.policy);
  checks.require("snp.guest-policy", different.length === 0, different.join(", "), `policy ${snpHex(report.policy)}`);
}

// Whether a report is genuine.

/** AMD's extensions, by the names that faults have. */
const snpOIDs = {
  productName: "2", bootLoader: "3.1", tee: "3.2", snp: "3.3", reserved4: "3.4", reserved5: "3.5", reserved6: "3.6", reserved7: "3.7",
  microcode: "3.8", fmc: "3.9", hardwareID: "4", provider: "5",
};

/** What a certificate says of the key of a chip (VCEK) or a provider (VLEK). Throws FieldError. */
function readSNPEndorsementKey(certificate) {
  const value = (name) => certificate.extensions.all.get(`1.3.6.1.4.1.3704.1.${snpOIDs[name]}`)?.value;
  const required = (name) => {
    if (value(name) === undefined) throw new FieldError(`certificate.${name}`, "an extension", "none");
    return value(name);
  };
  const version = (name) => {
    const [tag, length, first, second] = required(name);
    const count = required(name).length;
    if (tag === 2 && length === 1 && count === 3 && first < 0x80) return first;
    if (tag === 2 && length === 2 && count === 4 && first === 0 && second >= 0x80) return second;
    throw new FieldError(`certificate.${name}`, "an INTEGER from 0 to 255", hex(required(name).subarray(0, 16)));
  };
  const text = (name) => {
    const bytes = required(name);
    const isText = bytes.length >= 2 && bytes[0] === 0x16 && bytes[1] < 0x80 && bytes.length === bytes[1] + 2;
    if (!isText || bytes.subarray(2).some((byte) => byte < 0x20 || byte >= 0x7f)) {
      throw new FieldError(`certificate.${name}`, "an IA5String", hex(bytes.subarray(0, 16)));
    }
    return fromUTF8(bytes.subarray(2));
  };

  const kind = new Map([["SEV-VCEK", "vcek"], ["SEV-VLEK", "vlek"]]).get(certificate.subject.commonName);
  if (kind === undefined) throw new FieldError("certificate.subject", "SEV-VCEK or SEV-VLEK", kindOf(certificate.subject.commonName));
  const issuer = certificate.issuer.commonName ?? "";
  const prefix = kind === "vcek" ? "SEV-" : "SEV-VLEK-";
  const product = issuer.startsWith(prefix) ? issuer.slice(prefix.length) : "";
  if (!snpProducts.includes(product)) throw new FieldError("certificate.issuer", snpProducts.map((name) => prefix + name).join(", "), kindOf(issuer));
  const name = text("productName");
  const named = { Milan: "Milan", Genoa: "Genoa", Bergamo: "Genoa", Siena: "Genoa", Turin: "Turin" };
  if (!Object.hasOwn(named, name.split("-")[0]) || named[name.split("-")[0]] !== product) {
    throw new FieldError("certificate.productName", product, kindOf(name));
  }
  if (certificate.key.type !== "p384") throw new FieldError("certificate.key", "P-384", "another kind of key");
  for (const reserved of ["reserved4", "reserved5", "reserved6", "reserved7"]) {
    if (value(reserved) !== undefined && version(reserved) !== 0) throw new FieldError(`certificate.${reserved}`, "0", "another version");
  }
  const tcb = { fmc: product === "Turin" ? version("fmc") : null, bootLoader: version("bootLoader"), tee: version("tee") };
  tcb.snp = version("snp");
  tcb.microcode = version("microcode");
  const key = { kind, product, tcb, key: certificate.key, hardwareID: null, provider: null };
  if (kind === "vlek") {
    key.provider = text("provider");
    return key;
  }
  // The bytes themselves, or in an OCTET STRING.
  const bytes = required("hardwareID");
  const count = product === "Turin" ? 8 : 64;
  if (bytes.length === count) key.hardwareID = bytes;
  else if (bytes.length === count + 2 && bytes[0] === 4 && bytes[1] === count) key.hardwareID = bytes.subarray(2);
  else throw new FieldError("certificate.hardwareID", `${count} bytes`, `${bytes.length} bytes`);
  return key;
}

/**
 * Verifies a report with the certificates (DER, the signing key's first) against what REPORT_DATA must hold (bytes or null).
 * Returns claims where all checks passed, else null.
 */
async function verifySNPReport(bytes, certificates, binding, context, checks, bindingCheck = "snp.binding") {
  const first = checks.checks.length;
  checks.demand(["snp.format", "snp.certificate", "snp.chain", "snp.product", "snp.signature", "snp.tcb", bindingCheck]);
  let report;
  try {
    report = readSNPReport(bytes);
  } catch (error) {
    snpFail(checks, "snp.format", error);
    return null;
  }
  checks.pass("snp.format", `version ${report.version}`);
  const signer = await snpSigner(certificates, report, checks);
  if (signer === null) return null;
  const { leaf, key } = signer;
  const anchor = await snpChain(leaf, certificates, context, checks);
  if (report.cpuid === null) checks.pass("snp.product", `${key.product}, by the certificate: version 2 names no processor`);
  else {
    const product = snpProductOf(report.cpuid.family, report.cpuid.model);
    checks.require("snp.product", product === key.product, key.product, product ?? "another line");
  }
  await snpSignature(report, key, checks);
  const tcbs = snpVersions(report, key, checks);
  snpChip(report, key, checks);
  checks.bind(bindingCheck, report.reportData, binding, true);
  checks.notPerformed("snp.revocation", "AMD does not revoke the keys of chips and providers: minimum versions retire them");
  const holds = !checks.checks.slice(first).some(({ state }) => state === "failed");
  if (anchor === null || tcbs === null || !holds) return null;
  return {
    assurance: anchor.assurance,
    registers: new Map([
      ["measurement", report.measurement],
      ["host-data", report.hostData],
      ["id-key-digest", report.idKeyDigest],
      ["author-key-digest", report.authorKeyDigest],
    ]),
    report,
    product: key.product,
    tcbs,
    hardwareID: key.hardwareID,
    provider: key.provider,
  };
}

function snpFail(checks, id, error) {
  if (!(error instanceof FieldError)) throw error;
  checks.fail(id, `${error.field}: ${error.expected}`, error.actual);
}

async function snpSigner(certificates, report, checks) {
  const expected = `the certificate of the ${report.signingKey.toUpperCase()}`;
  if (certificates.length === 0) {
    checks.fail("snp.certificate", expected, "no certificate");
    return null;
  }
  try {
    const leaf = await parseCertificate(certificates[0]);
    const key = readSNPEndorsementKey(leaf);
    const actual = `${key.kind.toUpperCase()} of ${key.product}`;
    return checks.require("snp.certificate", key.kind === report.signingKey, expected, actual) ? { leaf, key } : null;
  } catch (error) {
    snpFail(checks, "snp.certificate", error);
    return null;
  }
}

async function snpChain(leaf, certificates, { anchors, at }, checks) {
  const read = async (list, der) => {
    const found = [];
    for (const item of list) {
      try {
        found.push({ item, certificate: await parseCertificate(der(item)) });
      } catch (error) {
        // A path leads over certificates that can be read, or not at all.
        if (!(error instanceof FieldError)) throw error;
      }
    }
    return found;
  };
  const trusted = await read(anchors.filter(({ purpose }) => purpose === "amd-sev"), ({ certificate }) => certificate);
  const given = certificates.slice(1, 9);
  const intermediates = await read([...given, ...snpIntermediates], (der) => der);
  try {
    const certificatesOf = (list) => list.map(({ certificate }) => certificate);
    const { path, deadline } = await verifyPath(leaf, certificatesOf(intermediates), certificatesOf(trusted), at, { maxDepth: 3 });
    const strays = given.filter((der) => !path.some((certificate) => sameBytes(certificate.der, der)));
    if (strays.length > 0) {
      checks.fail("snp.chain", "the certificates of the path and no others", `${strays.length} others`);
      return null;
    }
    checks.limit(deadline);
    checks.pass("snp.chain", path.map(({ subject }) => subject.commonName ?? "?").join(" < "));
    return trusted.find(({ certificate }) => sameBytes(certificate.der, path[path.length - 1].der)).item;
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    checks.fail("snp.chain", error.expected, error.actual);
    return null;
  }
}

async function snpSignature(report, key, checks) {
  if (report.masksChipKey) return checks.fail("snp.signature", "a signature", "the host has masked the chip's key");
  const isValid = await verifyECDSA(key.key, report.signature, report.signedBytes, "SHA-384");
  checks.require("snp.signature", isValid, "the signature of the key in the certificate", isValid ? "ECDSA P-384 with SHA-384" : "another one");
}

function snpVersions(report, key, checks) {
  try {
    const read = (name) => readSNPTCB(report[`${name}TCB`], key.product, `report.${name} tcb`);
    const tcbs = { reported: read("reported"), committed: read("committed"), current: read("current"), launch: read("launch") };
    const actual = snpTCBText(tcbs.reported);
    checks.require("snp.tcb", actual === snpTCBText(key.tcb), snpTCBText(key.tcb), actual);
    return tcbs;
  } catch (error) {
    snpFail(checks, "snp.tcb", error);
    return null;
  }
}

function snpChip(report, key, checks) {
  if (key.hardwareID === null) return checks.notApplicable("snp.chip", `the key is the provider's, on all its chips: ${key.provider}`);
  if (report.chipID.every((byte) => byte === 0)) {
    return checks.notApplicable("snp.chip", "the host masks the chip's identity: the certificate alone names it");
  }
  checks.demand(["snp.chip"]);
  const padded = concat(key.hardwareID, new Uint8Array(64 - key.hardwareID.length));
  checks.require("snp.chip", sameBytes(report.chipID, padded), hex(key.hardwareID), hex(report.chipID));
}

evidenceKinds["sev-snp"] = {
  read(reader) {
    return { report: readBase64(reader, "report", 4096), certificates: readCertificates(reader, "certificates") };
  },
  verify({ report, certificates }, context, checks) {
    return verifySNPReport(report, certificates, context.binding, context, checks);
  },
  readPolicy: readSNPPolicy,
  appraise: appraiseSNP,
};

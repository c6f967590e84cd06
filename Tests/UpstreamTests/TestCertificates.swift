/// Certificates for tests, from an authority that no system trusts. Made for the tests and used nowhere else. `expired` ended in
/// 2021; the others last longer than any test run.
enum TestCertificates {
    /// The authority that signed them all.
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBbzCCARWgAwIBAgIBATAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNXZWlyIHRl
        c3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAe
        MRwwGgYDVQQDDBNXZWlyIHRlc3QgYXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZI
        zj0DAQcDQgAEsu+zfs0kxQuSclOMeHGfjGCm4yz6a18pnHnOjqGuTKeRNxMzyQoc
        51obQrBtNztPtJTOinltzMkB8GmMDk/gr6NCMEAwDwYDVR0TAQH/BAUwAwEB/zAO
        BgNVHQ8BAf8EBAMCAgQwHQYDVR0OBBYEFO3e1fphkbebrenCjdkKeLXpuE+JMAoG
        CCqGSM49BAMCA0gAMEUCIQDzNk8D60J8+N8K2lxU1UWvBIrH2biqQT7T0n/IEMzl
        igIgeSXHZ0RrzO5OSsagz1zH5JEtsNRWZKFmWZ80eri3y7U=
        -----END CERTIFICATE-----
        """

    /// The servers' key.
    static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxUlyQCNlYa0cWjye
        CHHgih49y9Js8JQas7apr+ae+UihRANCAARu6PH77JSMDlKen9BKccPfGGThYqYS
        VvmMd9H7e83KoGeGhQbxCn0YN8Iin4nWh4glkcDnbv/YTyd2uu0mpuNJ
        -----END PRIVATE KEY-----
        """

    /// For `localhost` and 127.0.0.1.
    static let good = """
        -----BEGIN CERTIFICATE-----
        MIIBlzCCATygAwIBAgIBAjAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNXZWlyIHRl
        c3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAU
        MRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARu
        6PH77JSMDlKen9BKccPfGGThYqYSVvmMd9H7e83KoGeGhQbxCn0YN8Iin4nWh4gl
        kcDnbv/YTyd2uu0mpuNJo3MwcTAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEw
        EwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFD9UJh5DXklXQYZl7os2u2/f
        NJQBMB8GA1UdIwQYMBaAFO3e1fphkbebrenCjdkKeLXpuE+JMAoGCCqGSM49BAMC
        A0kAMEYCIQCzCzBPINPJG2nyh6csOPgCR8W/8oZOByhEfsYlk/HgXQIhAPBGVx1D
        bpcrKAbyna8ah5/hZKFbObMyhrMTnSxrHOIN
        -----END CERTIFICATE-----
        """

    /// For `elsewhere.example`.
    static let otherName = """
        -----BEGIN CERTIFICATE-----
        MIIBmTCCAT6gAwIBAgIBAzAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNXZWlyIHRl
        c3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAU
        MRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARu
        6PH77JSMDlKen9BKccPfGGThYqYSVvmMd9H7e83KoGeGhQbxCn0YN8Iin4nWh4gl
        kcDnbv/YTyd2uu0mpuNJo3UwczAcBgNVHREEFTATghFlbHNld2hlcmUuZXhhbXBs
        ZTATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQUP1QmHkNeSVdBhmXuiza7
        b980lAEwHwYDVR0jBBgwFoAU7d7V+mGRt5ut6cKN2Qp4tem4T4kwCgYIKoZIzj0E
        AwIDSQAwRgIhAM5PLWOIWHsx7NW1KQ+9Wm4i2TcNZ3v7mCCZZucdd8b6AiEA3cIf
        fhIHEb6g33e0B7N1feWwztwnMQ92+dylGidTEic=
        -----END CERTIFICATE-----
        """

    /// For `localhost` and 127.0.0.1, until 2021.
    static let expired = """
        -----BEGIN CERTIFICATE-----
        MIIBkzCCATqgAwIBAgIBBDAKBggqhkjOPQQDAjAeMRwwGgYDVQQDDBNXZWlyIHRl
        c3QgYXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowFDES
        MBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbujx
        ++yUjA5Snp/QSnHD3xhk4WKmElb5jHfR+3vNyqBnhoUG8Qp9GDfCIp+J1oeIJZHA
        527/2E8ndrrtJqbjSaNzMHEwGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMBMG
        A1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBQ/VCYeQ15JV0GGZe6LNrtv3zSU
        ATAfBgNVHSMEGDAWgBTt3tX6YZG3m63pwo3ZCni16bhPiTAKBggqhkjOPQQDAgNH
        ADBEAiAQmZc/GbHFGNJkgWOJf2gNrIH3G6BsebjSwovxVyosLAIgTVy7M/UB94aU
        6EMnMI9DW0UY07/udP4K97/VV+9TS/o=
        -----END CERTIFICATE-----
        """
}

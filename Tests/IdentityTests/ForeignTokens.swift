/// Keys and tokens that another library has made (Python's cryptography): what we sign ourselves proves only that we agree with
/// ourselves.
enum ForeignTokens {
    static let keys =
        #"{"keys": [{"kty": "RSA", "use": "sig", "kid": "1b133e164ef44611a1e8898327b6a423", "n": "56dyaOo6klf88S3anTrF"#
        + #"YgKvhjHHxwjEdKY2CCZoGi9pQ4gxnP_9X9BvhXcBUlVRxWCOEa64D57qsfmTP2oPGMUhAAy3ksXF4tNPVeF65l58-nvj_56-hWfvUAAb9o_o"#
        + #"6EVSpXr9mBEdJnSAqCLujwH6nEH9Z1lY0gJpw13Qcus6Iq0dUekFEx14jmdUoaLHAuHFvaTRhj7LPxnpQBANJqzHytOFox19_lzckAOxwTp_"#
        + #"t67OeucIj0UjONNT1BozyeY13dzuGnMRlocAFuL__SihokJjXgVGYekRvC7zajQBJsz4kcBqEsdxc79QPE4-w9_HW6PJgzPqWPJpyau7qw","#
        + #" "e": "AQAB"}, {"kty": "EC", "use": "sig", "kid": "e8550330b07c4b06a29fc0ae2eb90e33", "alg": "ES256", "crv":"#
        + #" "P-256", "x": "owU32FETA3oXE2KkWlX9gBkfsQ98CoWTnLOe0TcuA78", "y": "AgQk5KieFhj6_qYs2jgiuw53NH-77LATDnCq-TBJ"#
        + #"EZs"}, {"kty": "EC", "use": "sig", "kid": "977ad69a63874b47a162816aaa8d3186", "alg": "ES384", "crv": "P-384""#
        + #", "x": "CZWkcht5LMy9c7kaApSSPs1TviB64Y-_staVSj0v9FL_yOnmXHbkAyEqS7x2DArg", "y": "RApOgoLDXjQpQT3ipi_DAppGbk8"#
        + #"C2UbT4NmZtYqJwkBHZoOlLJOavwFIKFk-3Enm"}, {"kty": "EC", "use": "sig", "kid": "3b0554191a2b4a48857daf23aeb310e"#
        + #"c", "alg": "ES512", "crv": "P-521", "x": "AUOVdKuQqtHZh6nhRVsoif3gkp1GB2lYVrsdCBn3Nzxe1Xb50WOSdqyHqtC9VlIsvZ"#
        + #"-YvAzCfkXka3dO6TQUxOw-", "y": "ABQKWEK6QYifLNeM3iz0O-f8tEY0COrqCFKPrMd0uW6zTxtZlI4wpC5BaLrl7U6lw9zjVZHPWIi-R"#
        + #"QFRJ3cMVJAA"}]}"#

    /// By algorithm, with the claims of `Minting`.
    static let tokens: [(algorithm: String, token: String)] = [
        (
            "RS256",
            "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAiMWIxMzNlMTY0ZWY0NDYxMWExZTg4OTgzMjdiNmE0MjMifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.j04n74enmNaPi6wvupo2IWfIIVtSLejcWB4nNlUGYwLB0eV0vGRj5pQf5uXdeYQvhvKd9zHhbiaHR-ETqIAvqeMPK2whkmpr"
                + "I7EGk-flGJ13w1-nWTDpS-9AfS67Opt4e_BaHQgxlZloktyNHGSIZMjzAIBmRBeSqe5-_3jssHLjMiRAK3RLjoNaZEh6RQOAgm9UNc2y8VIG"
                + "A6AgF2qAhDS_c_nNq5uXmd2XwqXpqOWLW1M5wslMTdafhZiTyx-qJJ5Mg1VQerNL7i70zgqkyccdlRWI3BBhjyfSKEaYEyjWN-DfGl4BeaBy"
                + "Ju8lto4Mi8aVV6Xylkiwxtivq7pHyw"
        ),
        (
            "RS384",
            "eyJhbGciOiAiUlMzODQiLCAidHlwIjogIkpXVCIsICJraWQiOiAiMWIxMzNlMTY0ZWY0NDYxMWExZTg4OTgzMjdiNmE0MjMifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.C7rtFwBqMsR6qecTvHSshOcKWJbEDGN-cG9dVp5eBpfgo1_VeE7jGj70ywU2JodFhgxTcIcn33hWjShV77YohJKulS8E2XU-"
                + "hP2oUAZpQyvnxyRC7Cr8nMLHGSYkM2D6K4bPKtvYmJ2bw-_auAUkFufGfulHL9ymrP14xcBMPQXtW3GznbfoTxRZKh4K8F_YFXPIv7hkPdFD"
                + "ohH_fucLTb-WzBuXHx502uJSU3iy7N24tlaePNI3-LMubcMg7Ly-ZdFHbL5mPmbTZnFcb4fVGGn5zK4cCjNavHbSBZdsC7F_QDC31YruQnou"
                + "F0Hh5WK3Qbc9udl9-hycMLnai9OEaQ"
        ),
        (
            "RS512",
            "eyJhbGciOiAiUlM1MTIiLCAidHlwIjogIkpXVCIsICJraWQiOiAiMWIxMzNlMTY0ZWY0NDYxMWExZTg4OTgzMjdiNmE0MjMifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.mDEy_xsnT4FqP6uqGsRL85UCWtfBQdr9Kaz82hrGZ3fnh7BujkRAXcqZGmJu2_Tg2sOnMgIpI9kUVoZWDEXsTRXB1qNMMpce"
                + "SrxCz-QLGYkljGL4YM-TOLH0IxTcKb3AjcC5s5ixu0F4P0vcts1KmVckySzjyavKF9T3paRmfLauRzvX7cHH57mFn88BBYWQUHz8_w1ecL4h"
                + "Q7DKEWPnKeIL3-lox8igJijVlQiCounDVHA1WBnwnrrVZxpFBDz4_NxvKre7WofwqwW2ioob1mGHOsmlPLtUtt6csTessr5UtPPjLvZH6bVC"
                + "LXD-Y5aqMRa44LrBqXUSnfRzrcCkWQ"
        ),
        (
            "ES256",
            "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAiZTg1NTAzMzBiMDdjNGIwNmEyOWZjMGFlMmViOTBlMzMifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.eMvrQBWrsCvtA2lkkVXPgrGqHilY1_beTO_zYkxSYckbN6RVX5if50GfwYHJsD0Fldt-EbBV0BJCTuyF9-lfSA"
        ),
        (
            "ES384",
            "eyJhbGciOiAiRVMzODQiLCAidHlwIjogIkpXVCIsICJraWQiOiAiOTc3YWQ2OWE2Mzg3NGI0N2ExNjI4MTZhYWE4ZDMxODYifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.gE8tEb3EScgGEqK-iEcFqNUQHX8tHQGIoOMJG4nG7djE1QM4NiY0blrfK1_3DM8-6va11BQe4f0W5lZ11Py6cCFvc7UqZTby"
                + "I-_HLRUEWxtd1R9eWmTqtrwRiIW0vAKu"
        ),
        (
            "ES512",
            "eyJhbGciOiAiRVM1MTIiLCAidHlwIjogIkpXVCIsICJraWQiOiAiM2IwNTU0MTkxYTJiNGE0ODg1N2RhZjIzYWViMzEwZWMifQ.eyJpc3MiO"
                + "iAiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS9yZWFsbSIsICJzdWIiOiAicmVwbzpvL3I6cmVmOnJlZnMvaGVhZHMvbWFpbiIsICJhdWQiOiAic"
                + "3RzLmFtYXpvbmF3cy5jb20iLCAiZXhwIjogMTgwMDAwMDMwMCwgIm5iZiI6IDE3OTk5OTk5OTAsICJpYXQiOiAxNzk5OTk5OTkwLCAianRpI"
                + "jogIm9uZSJ9.AbISq5Uh35_D3_-4zvCKxD2izAyRzoe4kIEPEvoO8_ZRTsmuSW2-cxchwLC3AessbWduQ5B1D0gmUol9Aj6CQKPxAalF2TMY"
                + "kEHmewXPTNffNa3gkd-HehQRBBf_ht6AgUirILhrLobU9bZe8dzldPTR4giiHwl3W703cCI2OjJ9EIEK"
        ),
    ]
}

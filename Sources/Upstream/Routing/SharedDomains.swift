/// Domains below which strangers have names side by side: there a host belongs only to itself.
///
/// Taken from the Public Suffix List (publicsuffix.org, Mozilla Public License 2.0). Of its private part: the domains that give
/// names to registries, storages, pages and tunnels. Of its other part: the second levels that are longer than four letters. It
/// is no full copy: hosts below a domain that is missing here count as one owner's.
enum SharedDomains {
    private static let clouds: Set<String> = [
        "amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "on.aws", "aws.dev", "awsapprunner.com", "elasticbeanstalk.com",
        "cloudfront.net", "awsglobalaccelerator.com", "amplifyapp.com", "azurecr.io", "azurecr.cn", "azurecr.us",
        "azurewebsites.net", "azurestaticapps.net", "azurecontainerapps.io", "azurecontainer.io", "azureedge.net", "azurefd.net",
        "azure-api.net", "azure.com", "azure.net", "windows.net", "chinacloudapi.cn", "usgovcloudapi.net", "cloudapp.net",
        "trafficmanager.net", "appspot.com", "googleapis.com", "googleusercontent.com", "run.app", "pkg.dev", "gcr.io", "web.app",
        "firebaseapp.com", "cloudfunctions.net", "oraclecloud.com", "ocir.io", "oraclecloudapps.com", "cloud.ibm.com", "icr.io",
        "appdomain.cloud", "digitaloceanspaces.com", "ondigitalocean.app", "linodeobjects.com", "vultrobjects.com",
        "vultrcr.com", "scw.cloud", "ovh.net", "ovh.us", "ovhcloud.com", "your-objectstorage.com", "exo.io", "upcloudobjects.com",
        "wasabisys.com", "backblazeb2.com", "aliyuncs.com", "myqcloud.com", "tencentcloudcr.com", "tencentcos.cn",
        "myhuaweicloud.com", "volces.com", "cr.volces.com", "bcebos.com", "baidubce.com", "yandexcloud.net", "cr.yandex",
        "selcdn.ru", "rackcdn.com", "akamaized.net", "akamaihd.net", "edgekey.net", "fastly.net", "fastlylb.net", "b-cdn.net",
        "cdn77.org", "stackpathdns.com", "cloudflarestorage.com", "r2.dev",
    ]

    private static let hosts: Set<String> = [
        "herokuapp.com", "github.io", "githubusercontent.com", "githubpreview.dev", "gitlab.io", "gitlab.bio", "bitbucket.io",
        "codeberg.page", "sourceforge.io", "readthedocs.io", "pages.dev", "workers.dev", "trycloudflare.com", "netlify.app",
        "vercel.app", "vercel.dev", "now.sh", "fly.dev", "onrender.com", "railway.app", "up.railway.app", "koyeb.app", "deno.dev",
        "deno.net", "glitch.me", "surge.sh", "repl.co", "replit.app", "replit.dev", "hf.space", "modal.run",
        "beam.cloud", "supabase.co", "northflank.app", "code.run", "platformsh.site", "quay.app",
        "openshiftapps.com", "rhcloud.com", "jfrog.io", "cloudsmith.io", "nexus.io", "scarf.sh", "gitea.cloud", "gitpod.io",
        "ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "loca.lt", "localto.net", "pagekite.me",
        "ts.net", "tailscale.net", "zrok.io", "serveo.net", "duckdns.org", "dyndns.org", "dynu.net", "no-ip.org", "ddns.net",
        "hopto.org", "zapto.org", "sytes.net", "freeddns.org", "afraid.org", "mooo.com", "myds.me", "synology.me",
        "myqnapcloud.com", "nip.io", "sslip.io", "xip.io", "traefik.me", "blogspot.com", "wordpress.com", "neocities.org",
    ]

    private static let suffixes: Set<String> = [
        "local", "internal", "localhost", "home.arpa", "uk.com", "us.com", "eu.com", "de.com", "br.com", "cn.com", "co.com",
        "gb.net", "in.net", "jp.net", "jpn.com", "mex.com", "ru.com", "sa.com", "se.net", "uk.net", "us.org", "za.com", "eu.org",
        "com.se", "co.ca", "police.uk", "school.nz", "geek.nz", "maori.nz", "health.nz", "parliament.nz", "school.za",
        "nagoya.jp", "yokohama.jp", "kawasaki.jp", "sapporo.jp", "sendai.jp", "kitakyushu.jp", "tokyo.jp", "osaka.jp", "kyoto.jp",
    ]

    /// True where `name` lies below one of them, or is one.
    static func holds(_ name: String) -> Bool {
        var rest = name[...]
        while true {
            let suffix = String(rest)
            if clouds.contains(suffix) || hosts.contains(suffix) || suffixes.contains(suffix) { return true }
            guard let dot = rest.firstIndex(of: ".") else { return false }
            rest = rest[rest.index(after: dot)...]
        }
    }
}

package config_test

import "testing"

// expressions have their values beside them.
func expressions() map[string]string {
	return map[string]string{
		`1 + 2`:                                          "3",
		`true`:                                           "true",
		`"${1}-${"x"}"`:                                  "1-x",
		`upper("a")`:                                     "A",
		`title("a b")`:                                   "A B",
		`basename("/a/b.txt")`:                           "b.txt",
		`dirname("/a/b.txt")`:                            "/a",
		`abspath("x/../y")`:                              "/home/u/shop/y",
		`abspath("/x/../y")`:                             "/y",
		`try(local.o.nope, "fallback")`:                  "fallback",
		`can(local.o.nope)`:                              "false",
		`can(local.o.a)`:                                 "true",
		`regex("[0-9]+", "abc123")`:                      "123",
		`join(",", regexall("[a-z]", "a1b2"))`:           "a,b",
		`format("%s-%03d", "x", 7)`:                      "x-007",
		`join(",", formatlist("%s!", ["a"]))`:            "a!",
		`jsonencode({ a = [1, null] })`:                  `{"a":[1,null]}`,
		`jsondecode("{\"a\": 1}").a`:                     "1",
		`yamldecode("a: {b: 2}").a.b`:                    "2",
		`yamldecode("x: &x {b: 2}\nz: *x").z.b`:          "2",
		`yamlencode({ a = 1 })`:                          "\"a\": 1\n",
		`base64encode("a")`:                              "YQ==",
		`base64decode("YQ==")`:                           "a",
		`md5("")`:                                        "d41d8cd98f00b204e9800998ecf8427e",
		`sha1("")`:                                       "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		`sha256("")`:                                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		`length(sha512(""))`:                             "128",
		`length(base64sha256(""))`:                       "44",
		`uuidv5("dns", "example.com")`:                   "cfbff0d1-9375-5685-968c-48ce8b15ae17",
		`cidrhost("10.0.0.0/8", 2)`:                      "10.0.0.2",
		`cidrhost("10.0.0.0/24", -1)`:                    "10.0.0.255",
		`cidrhost("fd00::/64", 5)`:                       "fd00::5",
		`cidrnetmask("10.0.0.0/12")`:                     "255.240.0.0",
		`cidrsubnet("10.0.0.0/8", 8, 2)`:                 "10.2.0.0/16",
		`join(",", cidrsubnets("10.1.0.0/16", 4, 4, 8))`: "10.1.0.0/20,10.1.16.0/20,10.1.32.0/24",
		`timeadd("2020-01-01T00:00:00Z", "1h")`:          "2020-01-01T01:00:00Z",
		`formatdate("YYYY", "2020-01-01T00:00:00Z")`:     "2020",
		`templatefile("greet.tmpl", { name = "you", list = [1, 2] })`: "Hello you!\n1;2;",
		`file("hello.txt")`:                     "hello\n",
		`file("./src/../hello.txt")`:            "hello\n",
		`file("${project.dir}/hello.txt")`:      "hello\n",
		`fileexists("hello.txt")`:               "true",
		`fileexists("nope")`:                    "false",
		`fileexists("src")`:                     "false",
		`env("API_KEY")`:                        "k",
		`env("NOT_SET", "d")`:                   "d",
		`env("EMPTY", "d")`:                     "d",
		`env("EMPTY")`:                          "",
		`dotenv("dev.env").TOKEN`:               "hunter2",
		`join(",", range(3))`:                   "0,1,2",
		`length(setproduct([1, 2], [1, 2, 3]))`: "6",
		`merge({ a = 1 }, { a = 2 }).a`:         "2",
		`lookup({ a = 1 }, "b", 5)`:             "5",
		`join(",", flatten([["a"], ["b"]]))`:    "a,b",
		`coalesce("", "x")`:                     "x",
		`length("äb")`:                          "2",
		`length({ a = 1 })`:                     "1",
		`one(["x"])`:                            "x",
		`coalesce(one([]), "none")`:             "none",
		`alltrue([true, false])`:                "false",
		`alltrue([])`:                           "true",
		`anytrue([true, false])`:                "true",
		`anytrue([])`:                           "false",
		`sum([1, 2.5])`:                         "3.5",
		`index(["a", "b"], "b")`:                "1",
		`join(",", matchkeys(["a", "b"], ["x", "y"], ["y"]))`:   "b",
		`join(",", transpose({ a = ["x", "y"], b = ["x"] }).x)`: "a,b",
		`startswith("abc", "a")`:                                "true",
		`endswith("abc", "a")`:                                  "false",
		`strcontains("abc", "b")`:                               "true",
		`replace("a.b", ".", "-")`:                              "a-b",
		`replace("abab", "/b$/", "c")`:                          "abac",
		`urlencode("a b&")`:                                     "a+b%26",
		`urldecode("a+b%26")`:                                   "a b&",
		`tostring(5)`:                                           "5",
		`tonumber("5") + 1`:                                     "6",
		`join(",", tolist(toset(["b", "a", "b"])))`:             "a,b",
		`parseint("ff", 16)`:                                    "255",
		`max(1, 3, 2)`:                                          "3",
		`csvdecode("a,b\n1,2")[0].b`:                            "2",
		`zipmap(["a"], [1]).a`:                                  "1",
		`host.uid`:                                              "1000",
		`"${host.os}/${host.arch}"`:                             "linux/amd64",
		`host.cpus * 2`:                                         "8",
		`project.name`:                                          "shop",
		`project.dir`:                                           "/home/u/shop",
		`self.name`:                                             "a",
		`self.index`:                                            "1",
		`self.port.http.guest`:                                  "80",
		`box.a.port["http"].host`:                               "8080",
		`box.a.name`:                                            "a",
		`join(",", [for k, v in { x = 1 } : "${k}=${v}"])`:      "x=1",
		`join("", local.l[*].n)`:                                "12",
		`"%{ if true }x%{ else }y%{ endif }"`:                   "x",
	}
}

// around is an Envfile with an expression as its box's env.
func around(expr string) string {
	return "locals {\n o = { a = 1 }\n l = [{ n = 1 }, { n = 2 }]\n}\n" + box("port \"http\" {\nguest = 80\nhost = 8080\n}\nenv = { X = "+expr+" }")
}

// TestExpressions evaluates each expression as the box's env.
func TestExpressions(t *testing.T) {
	for expr, want := range expressions() {
		t.Run(expr, func(t *testing.T) {
			project := load(t, values(), around(expr))
			if got := project.Boxes[0].Env[0].Value.Value; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

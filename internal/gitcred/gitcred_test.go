package gitcred

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAsk: the user's helper answers, a repository's is not heard, and nobody is asked at a terminal.
func TestAsk(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	home := t.TempDir()
	helper := "[credential \"https://known.example.com\"]\n\thelper = \"!f() { echo username=me; echo password=s3cret=x; }; f\"\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(helper), 0o600); err != nil {
		t.Fatal(err)
	}
	repo := t.TempDir()
	if err := os.MkdirAll(filepath.Join(repo, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	evil := "[core]\n\trepositoryformatversion = 0\n[credential]\n\thelper = \"!touch " + filepath.Join(repo, "ran") + "\"\n"
	for name, data := range map[string]string{"config": evil, "HEAD": "ref: refs/heads/main\n"} {
		if err := os.WriteFile(filepath.Join(repo, ".git", name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(repo)
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_DIR=" + filepath.Join(repo, ".git"),
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=!touch " + filepath.Join(repo, "ran"),
		"GIT_ASKPASS=" + filepath.Join(repo, "askpass"),
	}
	if user, password, ok := Ask(t.Context(), environ, "known.example.com"); user != "me" || password != "s3cret=x" || !ok {
		t.Errorf("got %q, %q, %t", user, password, ok)
	}
	for _, host := range []string{"other.example.com", "", "a\nhost=known.example.com", "me@known.example.com"} {
		if user, password, ok := Ask(t.Context(), environ, host); ok {
			t.Errorf("%q: got %q, %q", host, user, password)
		}
	}
	if _, err := os.Stat(filepath.Join(repo, "ran")); err == nil {
		t.Error("a helper of the repository ran")
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                                  {},
		"username=a\npassword=b\n":          {"a", "b"},
		"password=\nusername=a":             {"a", ""},
		"protocol=https\nnoise\npassword=c": {"", "c"},
	} {
		if user, password, ok := parse([]byte(text)); [2]string{user, password} != want || ok != (want != [2]string{} || text == "password=\nusername=a") {
			t.Errorf("%q: %q %q %t", text, user, password, ok)
		}
	}
}

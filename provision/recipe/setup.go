package recipe

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/resource"
)

// Setup gives the compared value of a build-time script: what decides whether its layer is another one.
func Setup(w resource.SetupWanted) resource.SetupSpec {
	return resource.SetupSpec{
		Name: w.Name, Run: resource.Digest(w.Script), User: w.User, Env: w.Env, Unset: w.Unset, Inputs: hashInputs(w.Inputs),
	}
}

// hashInputs is over paths, the executable bit and content; "" for none. Other permission bits are the umask's.
func hashInputs(files []resource.InputFile) string {
	if len(files) == 0 {
		return ""
	}
	type input struct{ Path, Mode, Content string }
	var list []input
	for _, f := range sortedInputs(files) {
		list = append(list, input{f.Path, inputMode(f).String(), resource.Digest(string(f.Content))})
	}
	return resource.Digest(encode(list))
}

func sortedInputs(files []resource.InputFile) []resource.InputFile {
	return slices.SortedFunc(slices.Values(files), func(a, b resource.InputFile) int { return cmp.Compare(a.Path, b.Path) })
}

// inputMode is the mode that a setup sees: read-only, for whoever runs it.
func inputMode(f resource.InputFile) fs.FileMode {
	if f.Mode&0o111 != 0 {
		return 0o555
	}
	return 0o444
}

var setupName = lazyre.New(`^[a-z0-9][a-z0-9_.-]{0,62}$`)

// setupFiles are the files of one setup below dir: step, which the Dockerfile runs; run, the script as written; inputs.
func setupFiles(dir string, w resource.SetupWanted) ([]entry, error) {
	if strings.ContainsAny(w.User, "\n\r\x00") {
		return nil, fmt.Errorf("setup %q: user holds a control character", w.Name)
	}
	step, err := setupStep(w)
	if err != nil {
		return nil, err
	}
	files := []entry{
		directory(dir), directory(dir + "/inputs"),
		file(dir+"/step", 0o555, step), file(dir+"/run", 0o555, w.Script),
	}
	seen := map[string]bool{}
	for _, f := range sortedInputs(w.Inputs) {
		if !fs.ValidPath(f.Path) || f.Path == "." || seen[f.Path] {
			return nil, fmt.Errorf("setup %q: input %q is not a clean relative path of its own", w.Name, f.Path)
		}
		seen[f.Path] = true
		for _, parent := range parents(f.Path) {
			if !seen[parent+"/"] {
				seen[parent+"/"] = true
				files = append(files, directory(dir+"/inputs/"+parent))
			}
		}
		files = append(files, file(dir+"/inputs/"+f.Path, inputMode(f), string(f.Content)))
	}
	return files, nil
}

// parents lists the folders above a path, outermost first.
func parents(name string) []string {
	var out []string
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		out = append(out, dir)
	}
	slices.Reverse(out)
	return out
}

var (
	envName   = lazyre.New(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	shellName = lazyre.New(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// setupStep goes to the inputs, sets the environment and becomes the script. Names that a shell cannot export go
// through env(1), and reach a script that is not a shell's.
func setupStep(w resource.SetupWanted) (string, error) {
	var b strings.Builder
	b.WriteString("here=${0%/*}\ncd \"$here/inputs\" || exit\n")
	var odd []string
	for _, name := range w.Unset {
		if !shellName.MatchString(name) {
			return "", fmt.Errorf("setup %q: a shell cannot take %q out of an environment", w.Name, name)
		}
		fmt.Fprintf(&b, "unset %s\n", name)
	}
	for _, name := range sortedKeys(w.Env) {
		value := w.Env[name]
		if !envName.MatchString(name) || strings.Contains(value, "\x00") {
			return "", fmt.Errorf("setup %q: %q cannot be set in an environment", w.Name, name)
		}
		if shellName.MatchString(name) {
			fmt.Fprintf(&b, "export %s=%s\n", name, quote(value))
		} else {
			odd = append(odd, quote(name+"="+value))
		}
	}
	b.WriteString("exec ")
	if len(odd) > 0 {
		b.WriteString("env " + strings.Join(odd, " ") + " ")
	}
	if strings.HasPrefix(w.Script, "#!") {
		b.WriteString("\"$here/run\"\n")
	} else {
		b.WriteString("/bin/sh -e \"$here/run\"\n")
	}
	return b.String(), nil
}

func sortedKeys(m resource.StrMap) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// quote makes one word of a POSIX shell out of any text without NUL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

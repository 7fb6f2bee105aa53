package hostfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Worktree is a linked git worktree whose common git directory was found to be this checkout's own. All that a box
// needs to use git there are four mounts, made from these paths.
type Worktree struct {
	Root   string // the work tree itself: absolute, without links
	Common string // the common git directory: absolute, without links
	Entry  string // this worktree's own folder in it, <common>/worktrees/<id>
	Named  string // Entry as `.git` names it: absolute, or relative to the work tree
	Back   string // the `.git` file as Entry's gitdir names it: absolute, or relative to Entry

	commonInfo fs.FileInfo
}

// gitDir is where a work tree keeps its index.
type gitDir struct {
	path     string // "" when it is not known to be this work tree's own
	worktree *Worktree
}

// maxPointer bounds `.git` and gitdir files, in bytes: one path each.
const maxPointer = 8192

// findWorkTree looks for the git work tree that holds dir. A `.git` counts only if it belongs to the caller or root.
func findWorkTree(dir string, caller Caller) (string, gitDir) {
	for at := dir; ; at = filepath.Dir(at) {
		dot := filepath.Join(at, ".git")
		if ownedBy(dot, caller.UID, 0) {
			switch info, err := os.Stat(dot); {
			case err != nil:
			case info.IsDir() && isGitDir(dot):
				if where, ok := realDir(dot); ok && where == dot {
					return at, gitDir{path: dot}
				}
				return at, gitDir{} // kept elsewhere, where nothing is read
			case info.Mode().IsRegular():
				if named, ok := readPointer(dot, "gitdir: "); ok {
					return at, linked(at, dot, named, caller)
				}
			}
		}
		if at == "/" {
			return "", gitDir{}
		}
	}
}

// linked verifies what the `.git` file of a work tree says. Every box that shares the checkout can write that file, so
// it is believed only where the folder it names is <common>/worktrees/<id>, points back at this `.git`, and both it
// and the common directory belong to the caller. commondir, which a box can write too, is not read.
func linked(work, dot, named string, caller Caller) gitDir {
	entry, ok := realDir(from(work, named))
	if !ok {
		return gitDir{}
	}
	folder := filepath.Dir(entry)
	common := filepath.Dir(folder)
	info, err := os.Lstat(common)
	if err != nil || filepath.Base(folder) != "worktrees" || !isGitDir(common) ||
		!ownedBy(entry, caller.UID) || !ownedBy(common, caller.UID) {
		return gitDir{}
	}
	back, ok := readPointer(filepath.Join(entry, "gitdir"), "")
	if !ok || !sameFile(from(entry, back), dot) {
		return gitDir{}
	}
	return gitDir{path: entry, worktree: &Worktree{Root: work, Common: common, Entry: entry, Named: named, Back: back, commonInfo: info}}
}

func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return dir + "/" + path // not cleaned: ".." is walked after links
}

func realDir(path string) (string, bool) {
	r, err := resolve(path)
	return r.real, err == nil && r.info != nil && r.info.IsDir()
}

func sameFile(a, b string) bool {
	ia, erra := os.Lstat(a)
	ib, errb := os.Lstat(b)
	return erra == nil && errb == nil && os.SameFile(ia, ib)
}

// isGitDir asks what git asks of a repository.
func isGitDir(dir string) bool {
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	_, err := os.Lstat(filepath.Join(dir, "HEAD"))
	return err == nil
}

func ownedBy(path string, uids ...int) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	uid, _ := ownerOf(info)
	return slices.Contains(uids, uid)
}

// readPointer reads the one path of a `.git` or gitdir file. Links are not followed.
func readPointer(file, prefix string) (string, bool) {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return "", false
	}
	data, err := ReadPath(file, maxPointer)
	if err != nil {
		return "", false
	}
	line, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), prefix)
	return line, ok && line != "" && !strings.ContainsAny(line, "\x00\n\r")
}

// Package dockerfile finds the images that a Dockerfile's build starts from or copies from, and writes digests behind their
// names. It knows comments, continued lines, here-documents, arguments in front of the first FROM, and which stages a target
// needs. What it does not understand for sure it leaves alone and says so; the builder is the one that understands Dockerfiles.
// It must not know engines, locks or files.
package dockerfile

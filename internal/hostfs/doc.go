// Package hostfs is every touch of the host's files: it finds the Envfile and the checkout around it, reads without
// following anything out of a tree, writes atomically, and answers what envy must know about the host itself (its id,
// who the caller is, which ports are taken).
//
// It knows that nothing in a checkout is trusted: a running box with a share can write all of it, so a path that was
// checked may be a link to elsewhere a moment later. Everything is therefore opened through an [os.Root], read with a
// limit, and never written through a link. It must not know what any file means to envy, nor HCL, Docker or the
// terminal; it imports nothing of envy and reads no environment variable by itself.
package hostfs

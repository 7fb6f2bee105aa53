# One reference for two platforms: an engine keeps one image under a name.
box "a" {
  image    = "debian:bookworm-slim"
  platform = "linux/amd64"
}

box "b" {
  image = "debian:bookworm-slim"
  platform = "linux/arm64" # ERROR: one image for two platforms is not built yet
}

box "c" {
  image = "debian:bookworm-slim"
}

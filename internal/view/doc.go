// Package view draws what envy has to say: diagnostics, tables, results, as text for people, plain lines for pipes, or
// JSON for programs.
//
// It knows how things look and that nothing from outside may steer a terminal: text reaches a stream only as a [Text],
// which makes control characters visible as it is put together, or through a [Writer]. It must not know how anything is
// found out or done, reads no file and no environment, and decides nothing, the exit code included. It is the only
// user of fatih/color.
package view

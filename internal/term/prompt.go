package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxAnswer bounds a typed line, in bytes.
const maxAnswer = 64 << 10

// Confirm asks a question that y or yes answers; anything else, the end of the input too, is no. The question goes to
// Err as it is: what it quotes must have been made safe to show. Without a terminal it is [ErrNoTerminal], and ctx
// ends the wait with its cause.
func (s *Streams) Confirm(ctx context.Context, question string) (bool, error) {
	answer, err := s.ask(ctx, question+" [y/N] ", true)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Ask asks for a line, which may be empty. The end of the input before anything was typed is [io.EOF].
func (s *Streams) Ask(ctx context.Context, question string) (string, error) {
	return s.ask(ctx, question+" ", true)
}

// AskSecret asks for a line that does not appear on the screen.
func (s *Streams) AskSecret(ctx context.Context, question string) (string, error) {
	return s.ask(ctx, question+" ", false)
}

func (s *Streams) ask(ctx context.Context, prompt string, echo bool) (answer string, err error) {
	if !s.interactive {
		return "", ErrNoTerminal
	}
	if !echo {
		restore, echoErr := s.In.withoutEcho()
		if echoErr != nil {
			return "", echoErr
		}
		defer func() {
			err = errors.Join(err, restore())
		}()
	}
	if _, err := io.WriteString(s.Err, prompt); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	answer, readErr := readLine(s.In.Until(ctx))
	if !echo || readErr != nil { // the line was not ended on the screen by who typed
		_, err = io.WriteString(s.Err, "\n")
	}
	return answer, errors.Join(readErr, err)
}

// readLine reads byte by byte: what follows the line belongs to whoever reads next.
func readLine(r io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		switch {
		case n == 1 && one[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1 && len(line) >= maxAnswer:
			return "", fmt.Errorf("an answer of more than %d bytes", maxAnswer)
		case n == 1:
			line = append(line, one[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/trust"
	"github.com/envyhq/envy/internal/view"
)

// trustFolder is where records of trust stand in the user's state, one file for each checkout.
const trustFolder = "trust"

// recordName is the file of a checkout's record in the user's state.
func recordName(p *place) string { return trustFolder + "/" + p.identity.Checkout + ".json" }

// trustStore is what the user trusts of one checkout, and where that is remembered.
type trustStore struct {
	caller hostfs.Caller
	now    func() time.Time
	name   string // of the record's file
	record trust.Record
	broken bool // the file cannot be used, and may be replaced
}

// trustStore reads what is remembered of this checkout, once for a command. A record that cannot be used trusts nothing,
// which is said.
func (s *session) trustStore() (*trustStore, error) {
	if s.trust != nil {
		return s.trust, nil
	}
	p, err := s.open()
	if err != nil {
		return nil, err
	}
	t := &trustStore{
		caller: p.caller, now: s.app.m.Now, name: recordName(p),
		record: trust.Record{User: p.caller.UID, Path: placeName(p)},
	}
	s.trust = t
	state, err := p.caller.FindDir(p.caller.Dirs.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, nil
	case err == nil:
		defer state.Close()
		if err = t.read(state); err == nil {
			return t, nil
		}
		t.broken = true
	}
	return t, s.view.Diagnostics(diag.List{unusable(p.caller.Dirs.State+"/"+t.name, err)})
}

// placeName is the checkout's folder, or its Envfile where that has a name of its own.
func placeName(p *place) string {
	switch name := p.checkout.Name(); name {
	case hostfs.Envfile, hostfs.EnvfileJSON:
		return p.checkout.Dir()
	default:
		return strings.TrimSuffix(p.checkout.Dir(), "/") + "/" + name
	}
}

func unusable(path string, err error) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Warning, Summary: "what was trusted cannot be read; it counts as not trusted",
		Detail: fmt.Sprintf("%s: %v", path, err), Hint: "envy trust --revoke takes it away",
	}
}

// read takes the record as it stands in the file. None is one that trusts nothing.
func (t *trustStore) read(state *hostfs.Tree) error {
	r, err := readRecord(state, t.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.record.Lists = nil // revoked meanwhile, maybe
		return nil
	case err != nil:
		return err
	case r.User != t.record.User || r.Path != t.record.Path:
		return fmt.Errorf("it is of uid %d and %s", r.User, r.Path)
	}
	t.record = r
	return nil
}

func readRecord(state *hostfs.Tree, name string) (trust.Record, error) {
	data, err := state.ReadOwn(name, trust.MaxBytes)
	if err != nil {
		return trust.Record{}, err
	}
	return trust.Decode(data)
}

// judge says of each entry whether it is trusted.
func (t *trustStore) judge(entries []config.GateEntry) view.Gate {
	var g view.Gate
	for _, e := range entries {
		g.Entries = append(g.Entries, view.GateEntry{
			Kind: string(e.Kind), What: e.What, Reaches: e.Reaches, File: e.Range.File, Line: e.Range.Start.Line,
			New: len(t.record.Lists) > 0 && !t.record.Knows(trust.Entry{Kind: string(e.Kind), What: e.What}),
		})
	}
	g.Trusted = t.record.Trusts(entriesOf(g))
	return g
}

// accept remembers a list. What another envy accepted meanwhile stays.
func (t *trustStore) accept(ctx context.Context, g view.Gate) error {
	err := changeTrust(ctx, t.caller, func(state *hostfs.Tree) error {
		if err := t.read(state); err != nil || t.broken {
			if err := state.Remove(t.name); err != nil {
				return err
			}
		}
		t.record = t.record.With(entriesOf(g), t.now())
		data, err := t.record.Encode()
		if err != nil {
			return err
		}
		return state.WriteFile(t.name, data, 0o600)
	})
	if err != nil {
		return fmt.Errorf("remember what is trusted: %w", err)
	}
	t.broken = false
	return nil
}

// changeTrust does something to a user's records while nobody else does.
func changeTrust(ctx context.Context, caller hostfs.Caller, do func(*hostfs.Tree) error) error {
	state, err := caller.OpenDir(caller.Dirs.State)
	if err != nil {
		return err
	}
	defer state.Close()
	if err := state.MkdirAll(trustFolder, 0o700); err != nil {
		return err
	}
	unlock, err := state.Lock(ctx, locks, trustFolder, hostfs.Holder{}, nil)
	if err != nil {
		return err
	}
	return errors.Join(do(state), unlock())
}

// kept is a record with its file.
type kept struct {
	name string
	trust.Record
}

// trustRecords are all records of the user, sorted by path, and what is wrong with others.
func trustRecords(state *hostfs.Tree) ([]kept, diag.List, error) {
	entries, err := state.ReadDir(trustFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var records []kept
	var broken diag.List
	for _, e := range entries {
		name := trustFolder + "/" + e.Name()
		if !strings.HasSuffix(name, ".json") {
			continue // being written
		}
		r, err := readRecord(state, name)
		if err != nil {
			broken = append(broken, unusable(state.Dir()+"/"+name, err))
			continue
		}
		records = append(records, kept{name, r})
	}
	slices.SortFunc(records, func(a, b kept) int { return strings.Compare(a.Path, b.Path) })
	return records, broken, nil
}

// Package e2e tests what a person does with envy, with the built program on a real engine: bring projects up, edit them,
// break them by hand, kill envy half way. It checks the engine's state with the docker CLI, not what envy prints of itself.
// It must not import anything of envy.
package e2e

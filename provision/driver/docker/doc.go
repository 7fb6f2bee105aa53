// Package docker is envy's driver for engines that speak the Docker Engine API. It alone imports the Docker client: it
// turns resource values into API calls and engine answers into resource values and driver errors. It must not know the
// Envfile, what a plan is or why it is asked for something, and keeps no state beyond the connection and what it asked
// the engine once (version, /info, the agent's volume).
package docker

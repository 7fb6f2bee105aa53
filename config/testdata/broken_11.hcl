# The shell's ${…} in scripts.
box "a" {
  image = "debian"
  setup "s" {
    run = <<-EOT
      echo ${HOME} # comment
      echo ${USER}/bin
    EOT
  }
  provision "ok" { run = file("run.sh") }
  provision "q" { run = "echo $HOME $${HOME} %%{x}" }
  provision "p" { run = "echo ${PATH}" } # ERROR: write the shell's own variables as $NAME or $${NAME}, and a literal %{ as %%{
  healthcheck { command = "test ${X}" } # ERROR: no variable `X`
}
# ERROR-ANYWHERE: no variable `HOME`
# ERROR-ANYWHERE: no variable `USER`

#ifndef KELP_CLI_COMMANDS_H
#define KELP_CLI_COMMANDS_H

/* One function a command; argv[0] is the command's name.  Each returns the exit status of kelp. */

int cmd_run(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_image(int argc, char **argv); /* import, images, rmi, verify, prune, export, rm, commit */
int cmd_inspect(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_pull(int argc, char **argv);
int cmd_policy(int argc, char **argv); /* list, show, check, why */
int cmd_rm(int argc, char **argv);
int cmd_review(int argc, char **argv); /* diff, apply, discard */
int cmd_stats(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_wait(int argc, char **argv);

#endif

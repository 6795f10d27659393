#!/bin/sh
# Installs Cluster AI on this machine and lets it join a cluster. POSIX sh: dash, ash of busybox, bash.
#
#   install_unified.sh worker --join LINE       this machine joins the cluster of the line (cluster-ai node invite)
#   install_unified.sh all-in-one               this machine becomes a cluster of its own, from a checkout, or with
#                                               --offline BUNDLE --signer FINGERPRINT (cluster-ai update pack)
#   install_unified.sh head                     the same, and neither serves models nor computes itself
#   install_unified.sh --check | --repair | --uninstall [--purge]
#   install_unified.sh --help                   every option
#
# Environment. The option wins over its variable.
#   CLUSTER_AI_JOIN            --join LINE
#   CLUSTER_AI_JOIN_FILE       --join-file FILE        the line stands in FILE (-: standard input)
#   CLUSTER_AI_SCOPE           --user, --system        user or system
#   CLUSTER_AI_PREFIX          --prefix DIR            where the program goes
#   CLUSTER_AI_OFFLINE         --offline BUNDLE        the software from a file instead of from the head
#   CLUSTER_AI_SIGNER          --signer FINGERPRINT    of the certificate that signed the bundle of a head
#   CLUSTER_AI_BIND            --bind ADDRESS          this machine's address in the LAN
#   CLUSTER_AI_NODE_NAME       --name NAME             of this machine in the cluster
#   CLUSTER_AI_NODE_LABELS     --label LABEL ...       of this machine, with spaces between
#   CLUSTER_AI_NO_SERVICE=1    --no-service            starts nothing, now or at boot
#   CLUSTER_AI_NO_FIREWALL=1   --no-firewall           says nothing about the firewall
#   CLUSTER_AI_YES=1           --yes                   asks nothing
#   CLUSTER_AI_DRY_RUN=1       --dry-run               changes nothing
#   CLUSTER_AI_LANG            --lang en|pt-BR
#   CLUSTER_AI_LOG             --log FILE              what each step said
#   CLUSTER_AI_QUIET=1, CLUSTER_AI_VERBOSE=1, NO_COLOR=1   --quiet, --verbose, --no-color
#   CLUSTER_AI_HOME            the data directory (no option: it is the program's own variable)
#   CLUSTER_AI_PORT_BASE       moves every port of the program, as it does for the program itself
#   CLUSTER_AI_PYTHON          the Python to use
#   CLUSTER_AI_WAIT_SECONDS    how long the head has to call this machine back (60), or to become ready (300)
#
# Exit: 0 done, or nothing to do; 1 error; 2 usage; 3 unsupported system; 4 privilege; 5 dependency; 6 network;
#   7 not what the cluster signed; 8 port taken; 9 disk or memory; 10 join refused; 11 failed and rolled back;
#   130 interrupted.
set -u

# ---------------------------------------------------------------------------------------------------------- words
# en_KEY and pt_KEY; formats of printf. A test holds that every sentence has both.
# shellcheck disable=SC2034  # read by name, in `words`
load_words() {
  en_usage='Usage: install_unified.sh [auto|head|worker|all-in-one] [options]
  --join LINE          join the cluster of this line (cluster-ai node invite prints it; put it in quotes)
  --join-file FILE     the same, from a file; - is standard input
  --user | --system    for this user (default), or for the machine with a user of its own (as root)
  --prefix DIR         where the program goes
  --offline BUNDLE     take the software from this file instead of from the head, or from a checkout
  --signer FINGERPRINT of the certificate that signed the bundle of a head (cluster-ai update pack tells it)
  --bind ADDRESS       address of this machine in the LAN; found by itself otherwise
  --name NAME          of this machine in the cluster
  --label LABEL        of this machine; may be given more than once
  --no-service         start nothing, now or at boot
  --no-firewall        say nothing about the firewall
  --yes                ask nothing
  --dry-run            show the plan and change nothing
  --print-plan json    the plan as JSON on standard output; changes nothing
  --check              look at this machine and at what is installed; changes nothing
  --repair             make whole what is installed
  --uninstall          take the program away; with --purge the data, too
  --lang en|pt-BR      language
  --log FILE           what each step said
  --quiet, --verbose   less, more
  --no-color           plain text
  --help               this
Exit: 0 ok, 1 error, 2 usage, 3 unsupported system, 4 privilege, 5 dependency, 6 network, 7 not what the cluster
signed, 8 port taken, 9 disk or memory, 10 join refused, 11 failed and rolled back, 130 interrupted.'
  pt_usage='Uso: install_unified.sh [auto|head|worker|all-in-one] [opções]
  --join LINHA         entra no cluster desta linha (cluster-ai node invite a mostra; use aspas)
  --join-file ARQUIVO  o mesmo, de um arquivo; - é a entrada padrão
  --user | --system    para este usuário (padrão) ou para a máquina, com usuário próprio (como root)
  --prefix DIR         onde fica o programa
  --offline PACOTE     toma o software deste arquivo em vez do controlador, ou de um checkout
  --signer IMPRESSÃO   do certificado que assinou o pacote de um controlador (cluster-ai update pack a diz)
  --bind ENDEREÇO      endereço desta máquina na LAN; senão, encontrado sozinho
  --name NOME          desta máquina no cluster
  --label RÓTULO       desta máquina; pode ser repetido
  --no-service         não inicia nada, nem agora nem no boot
  --no-firewall        não diz nada sobre o firewall
  --yes                não pergunta nada
  --dry-run            mostra o plano e não muda nada
  --print-plan json    o plano em JSON na saída padrão; não muda nada
  --check              examina esta máquina e o que está instalado; não muda nada
  --repair             conserta o que está instalado
  --uninstall          remove o programa; com --purge, também os dados
  --lang en|pt-BR      idioma
  --log ARQUIVO        o que cada passo disse
  --quiet, --verbose   menos, mais
  --no-color           texto simples
  --help               isto
Saída: 0 ok, 1 erro, 2 uso, 3 sistema não suportado, 4 privilégio, 5 dependência, 6 rede, 7 não é o que o cluster
assinou, 8 porta ocupada, 9 disco ou memória, 10 entrada recusada, 11 falhou e foi desfeito, 130 interrompido.'
  en_unknown='There is no option %s. See --help.'
  pt_unknown='Não existe a opção %s. Veja --help.'
  en_not_here='%s does not belong to what this installer does. See --help.'
  pt_not_here='%s não faz parte do que este instalador faz. Veja --help.'
  en_no_value='%s needs a value.'
  pt_no_value='%s precisa de um valor.'
  en_only_json='--print-plan knows json alone.'
  pt_only_json='--print-plan só conhece json.'
  en_two_lines='Give the join line once: --join or --join-file.'
  pt_two_lines='Dê a linha uma vez só: --join ou --join-file.'
  en_no_line='A worker needs the join line of its cluster: on the head, run cluster-ai node invite, then give the line by --join or --join-file.'
  pt_no_line='Um worker precisa da linha do seu cluster: no controlador, execute cluster-ai node invite e dê a linha com --join ou --join-file.'
  en_empty_line='No join line came from %s.'
  pt_empty_line='Nenhuma linha veio de %s.'
  en_head_options='A head takes none of the options of a worker: %s.'
  pt_head_options='Um controlador não aceita opções de worker: %s.'
  en_no_software='A head is installed from a checkout, or from a file with --offline: get the whole repository and run %s in it.'
  pt_no_software='Um controlador é instalado de um checkout, ou de um arquivo com --offline: obtenha o repositório inteiro e execute nele %s.'
  en_no_signer='Whose bundle is that? Say --signer: cluster-ai update pack told the fingerprint.'
  pt_no_signer='De quem é esse pacote? Diga --signer: cluster-ai update pack disse a impressão digital.'
  en_is_member='This machine belongs to a cluster already (%s). A head needs a machine or a user of its own.'
  pt_is_member='Esta máquina já pertence a um cluster (%s). Um controlador precisa de outra máquina ou outro usuário.'
  en_plan_pack='make one version of the checkout %s and check it'
  pt_plan_pack='fazer uma versão do checkout %s e conferi-la'
  en_plan_update='update the head to %s: with a backup, and back to the version before if it does not become ready'
  pt_plan_update='atualizar o controlador para %s: com backup, e de volta à versão anterior se ela não ficar pronta'
  en_plan_lead='start a cluster of its own; the data stands in %s'
  pt_plan_lead='iniciar um cluster próprio; os dados ficam em %s'
  en_step_pack='pack the checkout'
  pt_step_pack='empacotar o checkout'
  en_step_update='update'
  pt_step_update='atualizar'
  en_step_ready='all parts ready'
  pt_step_ready='partes prontas'
  en_not_ready='The cluster did not become ready: %s'
  pt_not_ready='O cluster não ficou pronto: %s'
  en_done_head='This machine is the head of a cluster.'
  pt_done_head='Esta máquina é o controlador de um cluster.'
  en_next_open='the dashboard'
  pt_next_open='o painel'
  en_next_invite='lets another machine join'
  pt_next_invite='deixa outra máquina entrar'
  en_head_kept='The data stays in %s (--purge takes it away).'
  pt_head_kept='Os dados ficam em %s (--purge os remove).'
  en_nothing_head='Nothing to do: %s is installed and running.'
  pt_nothing_head='Nada a fazer: %s está instalado e em execução.'
  en_is_head='This machine is the head of a cluster already (%s). A worker needs a machine or a user of its own.'
  pt_is_head='Esta máquina já é o controlador de um cluster (%s). Um worker precisa de outra máquina ou outro usuário.'
  en_tools='These programs are missing: %s. Install them with the package manager of the system.'
  pt_tools='Faltam estes programas: %s. Instale-os com o gerenciador de pacotes do sistema.'
  en_no_home='HOME is not set: name a folder with --prefix, and CLUSTER_AI_HOME for the data.'
  pt_no_home='HOME não está definido: indique uma pasta com --prefix e CLUSTER_AI_HOME para os dados.'
  en_line_break='A path with a line break cannot be used: %s'
  pt_line_break='Um caminho com quebra de linha não pode ser usado: %s'
  en_no_temp='No folder for what is needed meanwhile can be made in %s.'
  pt_no_temp='Não foi possível criar uma pasta temporária em %s.'
  en_system='This system is not served: %s. A machine needs Linux on x86_64 or aarch64.'
  pt_system='Este sistema não é atendido: %s. É preciso Linux em x86_64 ou aarch64.'
  en_macos='This is macOS, and a machine of the cluster needs Linux. Run this in a Linux VM on this Mac with an address of its own in the LAN; or let only its models serve: start Ollama here with OLLAMA_HOST=0.0.0.0, and on the head write in config.toml [[gateway.upstreams]] with name = "mac" and url = "http://ADDRESS-OF-THIS-MAC:11434", then cluster-ai reload.'
  pt_macos='Isto é macOS, e uma máquina do cluster precisa de Linux. Rode isto numa VM Linux neste Mac, com endereço próprio na rede local; ou deixe só os modelos dele atenderem: inicie o Ollama aqui com OLLAMA_HOST=0.0.0.0 e, no controlador, escreva no config.toml [[gateway.upstreams]] com name = "mac" e url = "http://ENDERECO-DESTE-MAC:11434", depois cluster-ai reload.'
  en_c_library='The C library here is %s; compiled packages need glibc 2.28 or newer (Debian 10, Ubuntu 20.04, RHEL 8, and later; not Alpine).'
  pt_c_library='A biblioteca C aqui é %s; os pacotes compilados precisam de glibc 2.28 ou mais nova (Debian 10, Ubuntu 20.04, RHEL 8 e posteriores; não Alpine).'
  en_python='Python 3.11, 3.12 or 3.13 was not found (%s). %s'
  pt_python='Não encontrei Python 3.11, 3.12 ou 3.13 (%s). %s'
  en_python_debian='Debian, Ubuntu, Raspberry Pi OS: sudo apt install python3'
  pt_python_debian='Debian, Ubuntu, Raspberry Pi OS: sudo apt install python3'
  en_python_fedora='Fedora, RHEL: sudo dnf install python3.12'
  pt_python_fedora='Fedora, RHEL: sudo dnf install python3.12'
  en_python_arch='Arch: sudo pacman -S python'
  pt_python_arch='Arch: sudo pacman -S python'
  en_python_suse='openSUSE: sudo zypper install python312'
  pt_python_suse='openSUSE: sudo zypper install python312'
  en_python_other='Install one, or name it: CLUSTER_AI_PYTHON=/path/to/python3'
  pt_python_other='Instale um ou indique-o: CLUSTER_AI_PYTHON=/caminho/do/python3'
  en_python_differs='The head runs Python %s, this machine %s: it serves models, and Dask tasks of the head do not run here. With python%s installed they would.'
  pt_python_differs='O controlador usa Python %s, esta máquina %s: ela serve modelos, e tarefas Dask do controlador não rodam aqui. Com python%s instalado rodariam.'
  en_root_needed='--system needs root. Run: %s'
  pt_root_needed='--system precisa de root. Execute: %s'
  en_no_write='%s cannot be written by this user.'
  pt_no_write='%s não pode ser escrito por este usuário.'
  en_disk='%s has %s MiB free; %s MiB are needed.'
  pt_disk='%s tem %s MiB livres; são necessários %s MiB.'
  en_memory='This machine has %s MiB of memory; at least 900 are needed.'
  pt_memory='Esta máquina tem %s MiB de memória; são necessários ao menos 900.'
  en_port='Port %s is taken by %s.'
  pt_port='A porta %s está ocupada por %s.'
  en_somebody='another program'
  pt_somebody='outro programa'
  en_skew='The clock of this machine is %s s ahead of the head'\''s. Let it be set by the network (timedatectl set-ntp true).'
  pt_skew='O relógio desta máquina está %s s adiantado em relação ao do controlador. Acerte-o pela rede (timedatectl set-ntp true).'
  en_bad_line='That is no join line: %s'
  pt_bad_line='Isso não é uma linha de entrada: %s'
  en_no_head='The head does not answer: %s. Is it switched on, in this LAN, and is its port open?'
  pt_no_head='O controlador não responde: %s. Ele está ligado, nesta LAN e com a porta aberta?'
  en_wrong_head='What answers there is not the head of the join line: %s'
  pt_wrong_head='O que responde ali não é o controlador da linha: %s'
  en_bad_bundle='The software cannot be used: %s'
  pt_bad_bundle='O software não pode ser usado: %s'
  en_other_cluster='This machine belongs to another cluster. Take that away first: %s --uninstall --purge'
  pt_other_cluster='Esta máquina pertence a outro cluster. Remova-o primeiro: %s --uninstall --purge'
  en_found='Before anything is changed:'
  pt_found='Antes de mudar qualquer coisa:'
  en_all_well='This machine can be used: Python %s, %s, %s MiB free.'
  pt_all_well='Esta máquina pode ser usada: Python %s, %s, %s MiB livres.'
  en_head_found='The head answers at %s; this machine is %s to it.'
  pt_head_found='O controlador responde em %s; para ele esta máquina é %s.'
  en_plan='What will be done:'
  pt_plan='O que será feito:'
  en_plan_fetch='fetch %s (%s MiB) from the head and check its signature'
  pt_plan_fetch='buscar %s (%s MiB) do controlador e conferir sua assinatura'
  en_plan_offline='take %s (%s MiB) from %s and check its signature'
  pt_plan_offline='tomar %s (%s MiB) de %s e conferir sua assinatura'
  en_plan_unfold='unfold it in %s'
  pt_plan_unfold='desdobrá-lo em %s'
  en_plan_switch='run it from now on (%s)'
  pt_plan_switch='passar a executá-lo (%s)'
  en_plan_programs='put the command cluster-ai into %s'
  pt_plan_programs='pôr o comando cluster-ai em %s'
  en_plan_join='join the cluster; the data stands in %s'
  pt_plan_join='entrar no cluster; os dados ficam em %s'
  en_plan_service='start it, and at every boot: %s'
  pt_plan_service='iniciá-lo, e a cada boot: %s'
  en_plan_user='make the system user %s'
  pt_plan_user='criar o usuário de sistema %s'
  en_service_systemd_user='a service of this user (systemd)'
  pt_service_systemd_user='um serviço deste usuário (systemd)'
  en_service_systemd_system='a service of the machine (systemd)'
  pt_service_systemd_system='um serviço da máquina (systemd)'
  en_service_cron='a supervisor of our own, at boot by crontab'
  pt_service_cron='um supervisor próprio, no boot pelo crontab'
  en_service_own='a supervisor of our own; at boot it must be started by hand, for there is neither systemd nor crontab'
  pt_service_own='um supervisor próprio; no boot é preciso iniciá-lo à mão, pois não há systemd nem crontab'
  en_nothing='Nothing to do: %s is installed, joined and running.'
  pt_nothing='Nada a fazer: %s está instalado, no cluster e em execução.'
  en_nothing_unstarted='Nothing to do: %s is installed and joined.'
  pt_nothing_unstarted='Nada a fazer: %s está instalado e no cluster.'
  en_dry='Nothing was changed.'
  pt_dry='Nada foi mudado.'
  en_go='Go on? [Y/n] '
  pt_go='Continuar? [S/n] '
  en_go_default='Go on? There is no terminal to ask at: yes.'
  pt_go_default='Continuar? Não há terminal para perguntar: sim.'
  en_stopped='Nothing was changed.'
  pt_stopped='Nada foi mudado.'
  en_locked='Another run of this installer is at work here (process %s).'
  pt_locked='Outra execução deste instalador está em andamento aqui (processo %s).'
  en_asking='Asking what there is for this machine; the first one of its kind waits for some minutes.'
  pt_asking='Perguntando o que há para esta máquina; a primeira do seu tipo espera alguns minutos.'
  en_step_ask='what there is'
  pt_step_ask='o que há'
  en_step_fetch='fetch and check'
  pt_step_fetch='buscar e conferir'
  en_step_unfold='unfold'
  pt_step_unfold='desdobrar'
  en_step_switch='switch'
  pt_step_switch='trocar'
  en_step_join='join'
  pt_step_join='entrar'
  en_step_service='start'
  pt_step_service='iniciar'
  en_step_back='the head calls back'
  pt_step_back='o controlador chama de volta'
  en_failed='failed'
  pt_failed='falhou'
  en_interrupted='Interrupted.'
  pt_interrupted='Interrompido.'
  en_rolled_back='What was begun was undone.'
  pt_rolled_back='O que foi começado foi desfeito.'
  en_download_kept='What was fetched stays in %s for the next run; --uninstall takes it away.'
  pt_download_kept='O que foi buscado fica em %s para a próxima execução; --uninstall o remove.'
  en_member_kept='This machine has joined already: run this again without a join line.'
  pt_member_kept='Esta máquina já entrou: execute isto de novo sem a linha.'
  en_join_refused='The cluster did not let this machine in: %s'
  pt_join_refused='O cluster não deixou esta máquina entrar: %s'
  en_linger_no='This system does not let services of a user run without a session until an administrator allows it: until then the cluster runs here only while you are signed in. Type: sudo loginctl enable-linger %s'
  pt_linger_no='Este sistema não deixa serviços de usuário rodarem sem sessão até um administrador permitir: até lá o cluster roda aqui só enquanto você está conectado. Digite: sudo loginctl enable-linger %s'
  en_not_reachable='This machine reports to the head, but the head cannot reach it: %s. Open port 11437 (TCP) of this machine for the head.'
  pt_not_reachable='Esta máquina se apresenta ao controlador, mas o controlador não a alcança: %s. Abra a porta 11437 (TCP) desta máquina para o controlador.'
  en_no_report='The agent of this machine did not report to the head within %s s.'
  pt_no_report='O agente desta máquina não se apresentou ao controlador em %s s.'
  en_firewall='A firewall runs here (%s). The head must reach this machine: %s'
  pt_firewall='Há um firewall aqui (%s). O controlador precisa alcançar esta máquina: %s'
  en_other_command='%s is somebody else'\''s and stays; ours is %s'
  pt_other_command='%s é de outro programa e fica; o nosso é %s'
  en_done='This machine is one of the cluster.'
  pt_done='Esta máquina faz parte do cluster.'
  en_done_unstarted='Installed. It is not started: %s'
  pt_done_unstarted='Instalado. Não foi iniciado: %s'
  en_next='Next:'
  pt_next='A seguir:'
  en_next_status='how this machine is doing'
  pt_next_status='como está esta máquina'
  en_next_linger='it stops when you sign out, until then'
  pt_next_linger='até lá, para quando você sai'
  en_next_logs='what it is doing'
  pt_next_logs='o que ela está fazendo'
  en_next_uninstall='takes everything away again'
  pt_next_uninstall='remove tudo de novo'
  en_not_installed='Nothing of Cluster AI is installed in %s.'
  pt_not_installed='Nada do Cluster AI está instalado em %s.'
  en_installed='Installed: %s in %s'
  pt_installed='Instalado: %s em %s'
  en_damaged='The installed version %s cannot be started: %s --repair'
  pt_damaged='A versão instalada %s não pode ser iniciada: %s --repair'
  en_running='It runs.'
  pt_running='Está em execução.'
  en_not_running='It does not run.'
  pt_not_running='Não está em execução.'
  en_uninstall_ask='Take Cluster AI away from %s? [y/N] '
  pt_uninstall_ask='Remover o Cluster AI de %s? [s/N] '
  en_needs_yes='There is no terminal to ask at. Say --yes if you mean it.'
  pt_needs_yes='Não há terminal para perguntar. Use --yes se é isso mesmo.'
  en_purge_ask='All data in %s will be lost: models, secrets, settings. Type purge to go on: '
  pt_purge_ask='Todos os dados em %s serão perdidos: modelos, segredos, configuração. Digite purge para continuar: '
  en_not_ours='%s does not look like data of Cluster AI, and stays.'
  pt_not_ours='%s não parece ser de dados do Cluster AI, e fica.'
  en_removed='Removed.'
  pt_removed='Removido.'
  en_data_kept='The data stays in %s (--purge takes it away). On the head: cluster-ai node rm.'
  pt_data_kept='Os dados ficam em %s (--purge os remove). No head: cluster-ai node rm.'
  en_repaired='Repaired.'
  pt_repaired='Consertado.'
  en_more='The whole output: %s'
  pt_more='A saída inteira: %s'
}

words() { # words KEY [ARGS]: the sentence, filled in; no line end
  words_key=$1
  shift
  eval "words_format=\${${tongue}_$words_key}"
  # shellcheck disable=SC2059,SC2154  # the format is ours, from above
  printf -- "$words_format" "$@"
}

say() {
  [ -n "$quiet" ] || printf '%s\n' "$(words "$@")" >&2
}

tell() { # as `say`, and also when it should be quiet
  printf '%s\n' "$(words "$@")" >&2
}

leave() { # leave CODE KEY [ARGS]
  leave_code=$1
  shift
  tell "$@"
  exit "$leave_code"
}

# -------------------------------------------------------------------------------------------------------- options
read_environment() {
  kind='' mode=install
  join_line=${CLUSTER_AI_JOIN:-} join_file=${CLUSTER_AI_JOIN_FILE:-} scope=${CLUSTER_AI_SCOPE:-}
  prefix=${CLUSTER_AI_PREFIX:-} offline=${CLUSTER_AI_OFFLINE:-} bind=${CLUSTER_AI_BIND:-}
  node_name=${CLUSTER_AI_NODE_NAME:-} labels=${CLUSTER_AI_NODE_LABELS:-}
  no_service=${CLUSTER_AI_NO_SERVICE:-} no_firewall=${CLUSTER_AI_NO_FIREWALL:-} yes=${CLUSTER_AI_YES:-}
  dry_run=${CLUSTER_AI_DRY_RUN:-} print_plan='' purge='' log=${CLUSTER_AI_LOG:-}
  quiet=${CLUSTER_AI_QUIET:-} verbose=${CLUSTER_AI_VERBOSE:-}
  python_wanted=${CLUSTER_AI_PYTHON:-} wait_seconds=${CLUSTER_AI_WAIT_SECONDS:-} signer=${CLUSTER_AI_SIGNER:-}
  worker_options=''
  # What starts from here must neither see the secret nor take these for settings of the program.
  unset CLUSTER_AI_JOIN CLUSTER_AI_JOIN_FILE CLUSTER_AI_SCOPE CLUSTER_AI_PREFIX CLUSTER_AI_OFFLINE CLUSTER_AI_BIND \
    CLUSTER_AI_NODE_NAME CLUSTER_AI_NODE_LABELS CLUSTER_AI_NO_SERVICE CLUSTER_AI_NO_FIREWALL CLUSTER_AI_YES \
    CLUSTER_AI_DRY_RUN CLUSTER_AI_SIGNER CLUSTER_AI_LOG CLUSTER_AI_QUIET CLUSTER_AI_VERBOSE CLUSTER_AI_PYTHON CLUSTER_AI_WAIT_SECONDS
  choose_language "${CLUSTER_AI_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}"
}

choose_language() {
  case $1 in
    pt*) tongue=pt ;;
    *) tongue=en ;;
  esac
}

read_options() {
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
      --*=*)
        # --option=value is --option value.
        set -- "${option#*=}" "$@"
        option=${option%%=*}
        ;;
    esac
    case $option in
      --join | --join-file | --prefix | --offline | --signer | --bind | --name | --label | --print-plan | --lang | --log)
        [ $# -gt 0 ] || leave 2 no_value "$option"
        value=$1
        shift
        ;;
    esac
    case $option in
      auto | head | worker | all-in-one)
        [ -z "$kind" ] || leave 2 unknown "$option"
        kind=$option
        ;;
      --join) join_line=$value worker_options="$worker_options $option" ;;
      --join-file) join_file=$value worker_options="$worker_options $option" ;;
      --user) scope=user ;;
      --system) scope=system ;;
      --prefix) prefix=$value ;;
      --offline) offline=$value ;;
      --signer) signer=$value ;;
      --bind) bind=$value worker_options="$worker_options $option" ;;
      --name) node_name=$value worker_options="$worker_options $option" ;;
      --label) labels="$labels $value" worker_options="$worker_options $option" ;;
      --no-service) no_service=1 ;;
      --no-firewall) no_firewall=1 ;;
      --yes | -y) yes=1 ;;
      --dry-run) dry_run=1 ;;
      --print-plan)
        [ "$value" = json ] || leave 2 only_json
        print_plan=1
        ;;
      --check) mode=check ;;
      --repair) mode=repair ;;
      --uninstall) mode=uninstall ;;
      --purge) purge=1 ;;
      --lang) choose_language "$value" && CLUSTER_AI_LANG=$value && export CLUSTER_AI_LANG ;;
      --log) log=$value ;;
      --quiet | -q) quiet=1 ;;
      --verbose | -v) verbose=1 ;;
      # Nothing here has colours; the option is taken wherever the cluster's commands are.
      --no-color) ;;
      --help | -h)
        words usage
        printf '\n'
        exit 0
        ;;
      --with-ollama | --no-ollama | --gpu | --version | --port-base | --token-file) leave 2 not_here "$option" ;;
      *) leave 2 unknown "$option" ;;
    esac
  done
  [ -z "$join_line" ] || [ -z "$join_file" ] || leave 2 two_lines
  case $scope in '' | user | system) ;; *) leave 2 unknown "CLUSTER_AI_SCOPE=$scope" ;; esac
  if [ "$kind" = auto ] || [ -z "$kind" ]; then
    # Whoever brings a join line means a worker; so does who looks at, mends or removes one.
    kind=worker
    [ "$mode" != install ] || [ -n "$join_line$join_file" ] || kind=all-in-one
  fi
  [ "$kind" = worker ] || [ -z "$worker_options" ] || leave 2 head_options "${worker_options# }"
}

# -------------------------------------------------------------------------------------------------------- machine
need_tools() {
  missing=''
  for tool in cat chmod date df grep id kill mkdir mktemp mv rm rmdir sed sleep sort tail tr uname; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
  done
  [ -z "$missing" ] || leave 5 tools "${missing# }"
}

choose_places() {
  uid=$(id -u)
  if [ -z "$scope" ]; then
    scope=user
    # Root on a machine with systemd means the machine, not root's own session.
    [ "$uid" -ne 0 ] || [ ! -d /run/systemd/system ] || scope=system
  fi
  [ -n "${HOME:-}" ] || [ "$scope" = system ] || { [ -n "$prefix" ] && [ -n "${CLUSTER_AI_HOME:-}" ]; } || leave 2 no_home
  if [ "$scope" = system ]; then
    service_user=cluster-ai
    prefix=${prefix:-/opt/cluster-ai}
    home=${CLUSTER_AI_HOME:-/var/lib/cluster-ai}
    commands=/usr/local/bin
    units=/etc/systemd/system
  else
    service_user=''
    prefix=${prefix:-$HOME/.local/lib/cluster-ai}
    home=${CLUSTER_AI_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/cluster-ai}
    commands=${HOME:+$HOME/.local/bin}
    units=${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user
  fi
  prefix=$(whole_path "$prefix")
  [ -n "$prefix" ] || leave 2 no_write /
  home=$(whole_path "$home")
  case $prefix$home in
    *"
"*) leave 2 line_break "$prefix$home" ;;
  esac
  export CLUSTER_AI_HOME="$home"
  choose_role
}

choose_role() { # sets role: what this machine is to become; of what is installed already, what it is
  role='head'
  [ "$kind" != worker ] || role=worker
  [ "$mode" = install ] || role=$(cat "$prefix/role" 2>/dev/null) || role=worker
  checkout=''
  if [ "$role" = worker ]; then
    wait_seconds=${wait_seconds:-60}
    return 0
  fi
  wait_seconds=${wait_seconds:-300}
  folder=$(cd "$(parent_of "$(whole_path "$0")")" 2>/dev/null && pwd -P)
  # The installer of an installed head has no checkout beside it.
  [ ! -x "$folder/manager.sh" ] || checkout=$folder
}

is_head() { [ "$role" = head ]; }

whole_path() {
  case $1 in
    /*) printf '%s' "${1%/}" ;;
    *) printf '%s/%s' "$(pwd -P)" "${1%/}" ;;
  esac
}

make_work() {
  work=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/cluster-ai.XXXXXX" 2>/dev/null) || leave 9 no_temp "${TMPDIR:-/tmp}"
  tools=$work/tools
  lay_out_tools || leave 9 no_temp "${TMPDIR:-/tmp}"
  [ -n "$log" ] || log=$work/log
  true 2>/dev/null >>"$log" || leave 1 no_write "$log"
}

clean_up() {
  [ -z "${work:-}" ] || rm -rf "$work"
  [ -z "${handed:-}" ] || rm -rf "$handed"
  [ -n "${lock:-}" ] || return 0
  rm -rf "$lock"
  # A folder that was made for nothing goes, too.
  is_installed || rmdir "$prefix" 2>/dev/null
}

is_right_python() {
  "$1" -c 'import sys; raise SystemExit(not ((3, 11) <= sys.version_info[:2] < (3, 14) and sys.maxsize > 2**32))' \
    </dev/null >/dev/null 2>&1
}

find_python() { # sets python
  for name in "$python_wanted" python3.11 python3.12 python3.13 python3 python; do
    if [ -n "$name" ] && is_right_python "$name"; then
      python=$name
      return 0
    fi
  done
  return 1
}

steps() { # one of the installer's own steps, in Python
  (exec_steps "$@")
}

# Instead of the shell around it: a signal reaches the step itself.
exec_steps() {
  PYTHONPATH=$tools
  export PYTHONPATH
  exec "$python" -P -B -m cluster_ai.nodes.bundle.steps "$@" </dev/null
}

value_of() { # value_of KEY FILE: what a step answered
  sed -n "s/^$1=//p" "$2" | tail -n 1
}

reason_in() { # the last words of a step, without its progress and an error's hint and code below it
  sed -e '/^bytes=/d' -e '/^note=/d' -e '/^  [^ ]*: /d' -e 's/^[A-Za-z]*: //' "$1" | tail -n 1
}

finding() { # finding fail|warn CODE KEY [ARGS]
  level=$1 code=$2
  shift 2
  findings="$findings$level|$code|$(words "$@")
"
  if [ "$level" = fail ] && [ "$finding_code" -eq 0 ]; then
    finding_code=$code
  fi
}

show_findings() {
  [ -n "$findings" ] || return 0
  tell found
  printf '%s' "$findings" | while IFS='|' read -r level code text; do
    if [ "$level" = fail ]; then printf '  ✗ %s\n' "$text"; else printf '  ! %s\n' "$text"; fi
  done >&2
}

detect_system() {
  system=$(uname -s)
  machine=$(uname -m)
  case $system in
    Linux) ;;
    Darwin) finding fail 3 macos ;;
    *) finding fail 3 system "$system $machine" ;;
  esac
  case $machine in
    x86_64 | amd64 | aarch64 | arm64) ;;
    *) [ "$finding_code" -ne 0 ] || finding fail 3 system "$system $machine" ;;
  esac
}

python_hint() {
  case $( (. /etc/os-release && printf ' %s %s ' "${ID:-}" "${ID_LIKE:-}") 2>/dev/null) in
    *' debian '* | *' ubuntu '* | *' raspbian '*) words python_debian ;;
    *' fedora '* | *' rhel '* | *' centos '*) words python_fedora ;;
    *' arch '*) words python_arch ;;
    *suse*) words python_suse ;;
    *) words python_other ;;
  esac
}

free_mib() { # of the folder, or of the first above it that exists
  free_in=$1
  while [ ! -d "$free_in" ] && [ "$free_in" != / ]; do free_in=$(parent_of "$free_in"); done
  df -Pk "$free_in" 2>/dev/null | tail -n 1 | sed 's/^.*[[:space:]]\([0-9][0-9]*\)[[:space:]][[:space:]]*[0-9]*%.*$/\1/' |
    { read -r kib && printf '%s' "$((kib / 1024))"; }
}

parent_of() {
  case $1 in
    /*/*) printf '%s' "${1%/*}" ;;
    *) printf '/' ;;
  esac
}

check_places() {
  [ "$scope" != system ] || [ "$uid" -eq 0 ] || finding fail 4 root_needed "$(as_root_line)"
  [ "$scope" = system ] && [ "$uid" -ne 0 ] && return 0
  for folder in "$prefix" "$home"; do
    above=$folder
    while [ ! -e "$above" ] && [ "$above" != / ]; do above=$(parent_of "$above"); done
    { [ -d "$above" ] && [ -w "$above" ]; } || finding fail 4 no_write "$folder"
  done
  if is_head; then
    ! is_joined || finding fail 1 is_member "$home"
  elif [ -e "$home/secrets/ca" ] && ! is_joined; then
    finding fail 1 is_head "$home"
  fi
}

as_root_line() {
  for tool in sudo doas run0; do
    if command -v "$tool" >/dev/null 2>&1; then
      printf '%s sh install_unified.sh %s --system ...' "$tool" "$kind"
      return 0
    fi
  done
  printf 'su -c "sh install_unified.sh %s --system ..."' "$kind"
}

check_machine() {
  if ! find_python; then
    finding fail 5 python "$(command -v python3 >/dev/null 2>&1 && python3 -V 2>&1 || printf -- '-')" "$(python_hint)"
    return 1
  fi
  steps look >"$work/look" 2>>"$log" || { finding fail 5 python "$python" "$(python_hint)" && return 1; }
  [ "$(value_of c_library_ok "$work/look")" = 1 ] || finding fail 3 c_library "$(value_of c_library "$work/look")"
  memory=$(($(value_of memory "$work/look") / 1048576))
  [ "$memory" -eq 0 ] || [ "$memory" -ge 900 ] || finding fail 9 memory "$memory"
  # What we ourselves have taken is no hindrance.
  is_running && return 0
  parts='agent node worker nanny'
  if is_head; then
    parts='backend gateway scheduler dask_dashboard'
    [ "$kind" = head ] || parts="$parts node worker nanny"
    # What stops an update from being undone while it still goes on.
    command -v flock >/dev/null 2>&1 || finding fail 5 tools flock
  fi
  for part in $parts; do
    IFS=' ' read -r port state owner <<PORT
$(value_of "port_$part" "$work/look")
PORT
    [ "$state" != taken ] || finding fail 8 port "$port" "${owner:-$(words somebody)}"
  done
}

take_line() { # the join line becomes a file that only we read; its text is forgotten
  line_file=''
  if [ -n "$join_file" ]; then
    if [ "$join_file" = - ]; then
      IFS= read -r join_line || [ -n "$join_line" ] || join_line=''
    else
      IFS= read -r join_line <"$join_file" || [ -n "$join_line" ] || join_line=''
    fi
    [ -n "$join_line" ] || leave 2 empty_line "$join_file"
  fi
  [ -n "$join_line" ] || return 0
  line_file=$work/line
  (umask 077 && printf '%s\n' "$join_line" >"$line_file")
  join_line=''
}

check_head() { # which head, and what it has for us
  if [ -n "$line_file" ]; then
    if ! steps line --line-file "$line_file" >"$work/said" 2>"$work/why"; then
      finding fail 2 bad_line "$(reason_in "$work/why")"
      return 1
    fi
    if is_joined && [ "$(value_of fingerprint "$work/said")" != "$(own_fingerprint)" ]; then
      finding fail 10 other_cluster "$0"
      return 1
    fi
  elif ! is_joined; then
    finding fail 2 no_line
    return 1
  fi
  steps probe ${line_file:+--line-file "$line_file"} --home "$home" >"$work/head" 2>"$work/why"
  answered_by_head $? || return 1
  [ -s "$work/head" ] || return 1
  head=$(value_of head "$work/head")
  own_address=${bind:-$(value_of own_address "$work/head")}
  # A member goes by the address with which it joined.
  [ -n "$own_address" ] || own_address=$(sed -n 's/.*"bind": *"\([^"]*\)".*/\1/p' "$home/membership.json" 2>/dev/null)
  skew=$(value_of skew "$work/head")
  # A join has a word of its own for what is too far off; people should know earlier.
  [ "${skew#-}" -lt 5 ] || finding warn 0 skew "$skew"
  take_python_of_head
}

answered_by_head() {
  case $1 in
    0) return 0 ;;
    7) finding fail 7 wrong_head "$(reason_in "$work/why")" ;;
    6)
      # What is here works without the head, and is all that can be had now.
      if is_joined && [ -n "$(current_name)" ] && [ -z "$offline" ]; then
        wanted=$(current_name)
        finding warn 0 no_head "$(reason_in "$work/why")"
        return 0
      fi
      finding fail 6 no_head "$(reason_in "$work/why")"
      ;;
    *) finding fail 6 no_head "$(reason_in "$work/why")" ;;
  esac
  return 1
}

take_python_of_head() { # tasks run where the Python is the same
  theirs=$(value_of head_python "$work/head")
  ours=$(value_of python "$work/look")
  [ -n "$theirs" ] && [ "$theirs" != "$ours" ] || return 0
  if [ -z "$python_wanted" ] && is_right_python "python$theirs"; then
    python=python$theirs
  else
    finding warn 0 python_differs "$theirs" "$ours" "$theirs"
  fi
}

check_software() { # of a head: which version lies in the file, in the checkout, or here
  if [ -n "$offline" ]; then
    [ -n "$signer" ] || signer=$(cat "$prefix/signer" 2>/dev/null)
    [ -n "$signer" ] || { finding fail 2 no_signer && return 1; }
    check_bundle
  elif [ -n "$checkout" ]; then
    # Before its first start it has no environment yet: nobody knows the name.
    wanted=$("$checkout/.venv/bin/python" -P -c 'import runpy, sys
sys.path.insert(0, sys.argv[1])
runpy.run_module("cluster_ai.nodes.bundle.program", run_name="__main__")' "$checkout" </dev/null 2>>"$log")
    wanted=${wanted:-checkout}
    free=$(free_mib "$prefix")
    [ "${free:-0}" -ge 3000 ] || is_complete "$wanted" || finding fail 9 disk "$prefix" "${free:-0}" 3000
  elif [ -n "$(current_name)" ] && is_healthy; then
    wanted=$(current_name)
  else
    finding fail 2 no_software 'sh install_unified.sh all-in-one'
  fi
}

check_bundle() {
  ! is_head && say asking
  step_name=$(words step_ask)
  watched exec_steps bundle ${line_file:+--line-file "$line_file"} ${offline:+--offline "$offline"} --home "$home" \
    --signer "$signer"
  bundle_code=$?
  mv "$work/said" "$work/bundle"
  case $bundle_code in
    0) ;;
    7) finding fail 7 bad_bundle "$(reason_in "$work/why")" ;;
    *) finding fail 6 bad_bundle "$(reason_in "$work/why")" ;;
  esac
  wanted=$(value_of name "$work/bundle")
  wanted_mib=$(value_of bytes "$work/bundle")
  wanted_mib=$((${wanted_mib:-0} / 1048576 + 1))
  [ -n "$wanted" ] && ! is_complete "$wanted" || return 0
  # The download, the version three times as large, and air.
  needed=$((wanted_mib * 4 + 64))
  free=$(free_mib "$prefix")
  [ "${free:-0}" -ge "$needed" ] || finding fail 9 disk "$prefix" "${free:-0}" "$needed"
}

# ---------------------------------------------------------------------------------------------------- what is here
is_installed() { [ -f "$prefix/made.list" ]; }
is_complete() { [ -f "$prefix/versions/$1/version.json" ]; }
is_joined() { [ -f "$home/membership.json" ]; }
current_name() { [ ! -L "$prefix/current" ] || (cd -P "$prefix/current" 2>/dev/null && pwd -P | sed 's|.*/||'); }
is_healthy() {
  (cd / && "$prefix/current/venv/bin/python" -P -m cluster_ai.nodes.bundle.health) </dev/null >"$work/health" 2>&1
}

own_fingerprint() {
  "$python" -c 'import hashlib, ssl, sys
print(hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(sys.argv[1]).read().strip())).hexdigest())' \
    "$home/secrets/tls/ca.crt" </dev/null 2>/dev/null
}

choose_service() { # sets service: systemd_system, systemd_user, cron or own
  service=own service_else=''
  ! command -v crontab >/dev/null 2>&1 || service=cron
  [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1 || return 0
  if [ "$scope" = system ]; then
    service=systemd_system
    return 0
  fi
  # Over SSH the session may not say where the user's own systemd listens.
  if [ -z "${XDG_RUNTIME_DIR:-}" ] && [ -d "/run/user/$uid" ]; then
    export XDG_RUNTIME_DIR="/run/user/$uid"
  fi
  if systemctl --user show-environment >/dev/null 2>&1; then
    service=systemd_user
  elif command -v loginctl >/dev/null 2>&1; then
    service_else=$service
    service=systemd_user
  fi
}

# A user who has no session has no systemd yet. Lingering starts it, where the system allows that.
open_user_systemd() {
  [ "$service" = systemd_user ] && [ -n "$service_else" ] || return 0
  allow_linger
  export XDG_RUNTIME_DIR="/run/user/$uid"
  left=10
  until systemctl --user show-environment >/dev/null 2>&1; do
    if [ "$left" -eq 0 ]; then
      service=$service_else
      return 0
    fi
    left=$((left - 1))
    sleep 1
  done
}

sc() {
  if [ "$service" = systemd_system ]; then systemctl "$@"; else systemctl --user "$@"; fi
}

runner_pid() { # of the supervisor of our own, when it runs
  [ -f "$prefix/runner.pid" ] || return 1
  runner=$(cat "$prefix/runner.pid" 2>/dev/null)
  case $runner in '' | *[!0-9]*) return 1 ;; esac
  kill -0 "$runner" 2>/dev/null || return 1
  # After a reboot somebody else may have its number.
  [ ! -r "/proc/$runner/cmdline" ] || tr '\000' ' ' <"/proc/$runner/cmdline" | grep -qF "$prefix/bin/cluster-ai-run"
}

is_running() {
  case $service in
    systemd_*) sc is-active --quiet cluster-ai.service 2>/dev/null ;;
    *) runner_pid ;;
  esac
}

# ------------------------------------------------------------------------------------------------------------ plan
make_plan() { # sets todo: words of fetch, switch, programs, user, join, service
  todo=''
  if is_head && is_installed && [ -n "$(current_name)" ] && [ "$(current_name)" != "$wanted" ] && is_healthy; then
    todo=update
    return 0
  fi
  [ -z "$wanted" ] || is_complete "$wanted" || todo="$todo fetch"
  [ -z "$service_user" ] || id "$service_user" >/dev/null 2>&1 || todo="$todo user"
  [ -z "$wanted" ] || [ "$(current_name)" = "$wanted" ] || todo="$todo switch"
  are_programs_there || todo="$todo programs"
  is_head || is_joined || todo="$todo join"
  ! is_head || [ -n "$no_service" ] || is_running || todo="$todo lead"
  [ -n "$no_service" ] || { is_service_there && is_running; } || todo="$todo service"
  case $todo in *switch*) does programs || todo="$todo programs" ;; esac
  # What runs must run the new version.
  case $todo in
    *switch* | *programs*) case $todo in *service*) ;; *) [ -n "$no_service" ] || todo="$todo service" ;; esac ;;
  esac
  todo=${todo# }
}

are_programs_there() {
  [ -x "$prefix/bin/cluster-ai" ] && [ -x "$prefix/bin/cluster-ai-run" ] && [ -x "$prefix/bin/uninstall" ] &&
    [ "$(cat "$prefix/home" 2>/dev/null)" = "$home" ] && is_command_there
}

is_command_there() {
  [ -z "$commands" ] || [ -f "$commands/cluster-ai" ]
}

is_service_there() {
  case $service in
    systemd_*) [ -f "$units/cluster-ai.service" ] ;;
    cron) crontab -l 2>/dev/null | grep -qF "# cluster-ai:$prefix" ;;
    *) true ;;
  esac
}

does() { case " $todo " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

plan_lines() {
  if does fetch; then
    if [ -n "$offline" ]; then
      words plan_offline "$wanted" "$wanted_mib" "$offline"
    elif is_head; then
      words plan_pack "$checkout"
    else words plan_fetch "$wanted" "$wanted_mib"; fi
    printf '\n'
    words plan_unfold "$prefix/versions/$wanted" && printf '\n'
  fi
  ! does user || { words plan_user "$service_user" && printf '\n'; }
  ! does switch || { words plan_switch "$prefix/current" && printf '\n'; }
  ! does programs || { words plan_programs "${commands:-$prefix/bin}" && printf '\n'; }
  ! does update || { words plan_update "$wanted" && printf '\n'; }
  ! does join || { words plan_join "$home" && printf '\n'; }
  ! does lead || { words plan_lead "$home" && printf '\n'; }
  ! does service || { words plan_service "$(words "service_$service")" && printf '\n'; }
}

show_plan() {
  say plan
  plan_lines | while IFS= read -r text; do [ -n "$quiet" ] || printf '  • %s\n' "$text"; done >&2
}

json_text() { # as a JSON string; control characters go
  printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')"
}

json_plan() {
  printf '{"kind":"%s","scope":"%s","service":"%s"' "$kind" "$scope" "$service"
  for pair in "prefix=$prefix" "home=$home" "head=${head:-}" "address=${own_address:-}" "version=${wanted:-}" "python=${python:-}"; do
    printf ',"%s":%s' "${pair%%=*}" "$(json_text "${pair#*=}")"
  done
  printf ',"mib":%s,"todo":[' "${wanted_mib:-0}"
  comma=''
  for word in $todo; do printf '%s"%s"' "$comma" "$word" && comma=,; done
  printf '],"findings":['
  printf '%s' "$findings" | (
    comma=''
    while IFS='|' read -r level code text; do
      printf '%s{"level":"%s","exit":%s,"text":%s}' "$comma" "$level" "$code" "$(json_text "$text")"
      comma=,
    done
  )
  printf ']}\n'
}

terminal_opens() { (exec 3<>/dev/tty) 2>/dev/null; }

ask() { # ask KEY [ARGS]: sets answer from the terminal, whatever standard input is
  printf '%s' "$(words "$@")" >/dev/tty
  answer=''
  IFS= read -r answer </dev/tty || true
}

confirm_plan() {
  [ -z "$yes" ] || return 0
  if ! terminal_opens; then
    say go_default
    return 0
  fi
  ask go
  case $answer in
    '' | [yYsS]*) ;;
    *) leave 0 stopped ;;
  esac
}

# ----------------------------------------------------------------------------------------------------------- steps
# step KEY COMMAND...: runs it as a child that a signal can end. Its answers are in $work/said, its words in $work/why.
step() {
  step_name=$(words "$1")
  shift
  watched "$@"
  step_code=$?
  {
    printf '== %s: %s\n' "$step_name" "$step_code"
    sed '/^bytes=/d' "$work/why"
  } >>"$log"
  if [ "$step_code" -eq 0 ]; then
    [ -n "$quiet" ] || printf '  ✓ %-22s %4s s\n' "$step_name" "$(($(date +%s) - began))" >&2
  else
    printf '  ✗ %-22s %4s s  %s\n' "$step_name" "$(($(date +%s) - began))" "$(words failed)" >&2
    sed -e '/^bytes=/d' -e '/^note=/d' "$work/why" | tail -n "$([ -n "$verbose" ] && echo 200 || echo 8)" | sed 's/^/    /' >&2
    [ "$log" = "$work/log" ] || tell more "$log"
  fi
  return "$step_code"
}

watched() { # the child of `step`; on a terminal a line lives while it runs
  began=$(date +%s)
  forking=${!:-none}
  "$@" >"$work/said" 2>"$work/why" </dev/null &
  child=$!
  forking=''
  if [ -t 2 ] && [ -z "$quiet" ]; then
    while kill -0 "$child" 2>/dev/null; do
      printf '\r  … %-22s %4s s  %.40s\033[K' "$step_name" "$(($(date +%s) - began))" "$(progress_in "$work/why")" >&2
      sleep 1
    done
    printf '\r\033[K' >&2
  fi
  wait "$child"
  watched_code=$?
  child=''
  return "$watched_code"
}

progress_in() {
  last=$(tail -n 1 "$1" 2>/dev/null)
  case $last in
    bytes=*/*)
      last=${last#bytes=}
      printf '%s / %s MiB' "$((${last%/*} / 1048576))" "$((${last#*/} / 1048576))"
      ;;
    note=*) printf '%s' "${last#note=}" ;;
  esac
}

take_lock() {
  new_folders=$(missing_folders "$prefix")
  mkdir -p "$prefix" 2>/dev/null || leave 4 no_write "$prefix"
  if ! mkdir "$prefix/.installing" 2>/dev/null; then
    other=$(cat "$prefix/.installing/pid" 2>/dev/null)
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then leave 1 locked "$other"; fi
    # Its owner was killed.
    rm -rf "$prefix/.installing"
    mkdir "$prefix/.installing" || leave 1 no_write "$prefix"
  fi
  lock=$prefix/.installing
  printf '%s\n' "$$" >"$lock/pid"
}

made() { # made WHAT PATH: noted before it is made, so that whatever happens it can be taken away
  [ -d "$prefix" ] || return 0
  grep -qxF "$1 $2" "$prefix/made.list" 2>/dev/null || printf '%s %s\n' "$1" "$2" >>"$prefix/made.list"
}

missing_folders() { # those of the path that are not there, the deepest first
  above=$1
  while [ ! -d "$above" ]; do
    printf '%s\n' "$above"
    above=$(parent_of "$above")
  done
}

made_folders() { # notes each line of a text as a folder of ours
  printf '%s\n' "$1" | while IFS= read -r folder; do [ -z "$folder" ] || made folder "$folder"; done
}

make_folder() {
  made_folders "$(missing_folders "$1")"
  mkdir -p "$1" 2>/dev/null
}

remove_folders() { # those that were made, when nothing else is in them
  sed -n 's/^folder //p' "$prefix/made.list" 2>/dev/null | sort -r | while IFS= read -r folder; do
    [ "$folder" = "$prefix" ] || rmdir "$folder" 2>/dev/null
  done
}

# What is undone by `roll_back`, told by these.
begin_changes() {
  was_installed=''
  ! is_installed || was_installed=1
  flipped='' flipped_from='' service_begun='' programs_begun='' joined_now='' user_begun='' home_begun=''
  made prefix "$prefix"
  made_folders "$new_folders"
}

roll_back() {
  trap '' INT TERM HUP
  rolling=1
  rm -rf "$prefix"/versions/.new-* "$prefix/.packing"
  if [ -n "$service_begun" ] && [ -z "$flipped_from" ]; then stop_service && remove_service; fi
  if [ -n "$flipped" ]; then
    if [ -n "$flipped_from" ]; then
      steps flip --prefix "$prefix" --name "$flipped_from" >>"$log" 2>&1
      [ -z "$service_begun" ] || restart_service >>"$log" 2>&1
    else
      rm -f "$prefix/current"
    fi
  fi
  if [ -z "$was_installed" ]; then
    ! [ -n "$programs_begun" ] || remove_programs
    # A home that was made for a membership that did not come about holds nothing.
    [ -z "$home_begun" ] || is_joined || rm -rf "$home"
    remove_folders
    [ -z "$user_begun" ] || userdel "$service_user" >>"$log" 2>&1
    # Only what was fetched stays: the next run goes on from there.
    if [ -d "$prefix/fetched" ]; then remove_version_files; else remove_all_of_prefix; fi
  fi
  tell rolled_back
  [ ! -d "$prefix/fetched" ] || tell download_kept "$prefix/fetched"
  [ -z "$joined_now" ] || tell member_kept
}

remove_version_files() {
  rm -rf "$prefix/versions" "$prefix/current"
  rm -rf "$prefix/.packing"
  for name in home user port-base role service signer trial failed runner.pid; do rm -f "$prefix/$name"; done
}

remove_all_of_prefix() { # what is ours in it; the folder itself when nothing else is
  remove_version_files
  rm -rf "$prefix/fetched"
  remove_folders
  above_prefix=$(sed -n 's/^folder //p' "$prefix/made.list" 2>/dev/null | sort -r)
  rm -f "$prefix/made.list"
  rm -rf "$prefix/.installing"
  printf '%s\n' "$above_prefix" | while IFS= read -r folder; do [ -z "$folder" ] || rmdir "$folder" 2>/dev/null; done
  return 0
}

fail() { # fail CODE: undone, and out
  roll_back
  exit "$1"
}

interrupted() {
  trap '' INT TERM HUP
  printf '\n' >&2
  tell interrupted
  # The signal may have come between a start and the note of its number.
  if [ -n "${forking:-}" ] && [ "${!:-none}" != "$forking" ]; then child=$!; fi
  [ -z "${child:-}" ] || end_child
  [ -z "${changing:-}" ] || roll_back
  exit 130
}

put() { # put FILE MODE: standard input becomes the file, whole or not at all
  cat >"$1.new.$$" && chmod "$2" "$1.new.$$" && mv -f "$1.new.$$" "$1"
}

fetch_and_unfold() {
  ! is_head || [ -n "$offline" ] || pack_checkout
  step step_fetch exec_steps get ${line_file:+--line-file "$line_file"} ${offline:+--offline "$offline"} --home "$home" \
    --folder "$prefix/fetched" --signer "$signer" || fail_fetch "$step_code"
  # What was packed for this alone is not kept for a next run.
  rm -rf "$prefix/.packing"
  step step_unfold exec_steps build --folder "$prefix/fetched" --prefix "$prefix" || fail_unfold "$step_code"
  wanted=$(value_of name "$work/said")
}

fail_fetch() {
  # Only what a fresh start would mend is thrown away.
  [ "$1" -ne 7 ] || rm -rf "$prefix/fetched"
  case $1 in 6 | 7 | 9 | 10) fail "$1" ;; *) fail 11 ;; esac
}

pack_checkout() { # the checkout becomes a bundle, signed by somebody who is forgotten again
  packing=$prefix/.packing
  mkdir -p "$packing/home" || fail 11
  set -- "$checkout/manager.sh" update pack "$packing/bundle.tar"
  owner=$(stat -c %U "$checkout" 2>/dev/null)
  if [ "$uid" -eq 0 ] && [ "${owner:-root}" != root ]; then
    # What it makes in the checkout belongs to whoever the checkout belongs to.
    chown -R "$owner" "$packing" || fail 11
    set -- runuser -u "$owner" -- "$@"
  fi
  step step_pack env CLUSTER_AI_HOME="$packing/home" "$@" || fail 11
  offline=$packing/bundle.tar
  signer=$("$python" -c 'import hashlib, ssl, sys
print(hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(sys.argv[1]).read().strip())).hexdigest())' \
    "$packing/home/secrets/tls/ca.crt" </dev/null 2>>"$log")
  [ -n "$signer" ] || fail 11
}

update_head() { # the head's own way from one version to another: backup, gate, way back
  [ -n "$offline" ] || pack_checkout
  step step_update env CLUSTER_AI_UPDATE__SIGNER="$signer" "$prefix/bin/cluster-ai" update apply "$offline" && return 0
  # It has undone all itself.
  rm -rf "$prefix/.packing"
  changing=''
  exit 11
}

fail_unfold() { case $1 in 7 | 9) fail "$1" ;; *) fail 11 ;; esac }

make_user() {
  getent group "$service_user" >/dev/null 2>&1 || groupadd --system "$service_user" >>"$log" 2>&1
  made user "$service_user"
  user_begun=1
  useradd --system --gid "$service_user" --home-dir "$home" --no-create-home --shell /usr/sbin/nologin "$service_user" \
    >>"$log" 2>&1 || fail 11
  # Whoever may use the GPU may use it here, too.
  for group in render video; do
    ! getent group "$group" >/dev/null 2>&1 || usermod -a -G "$group" "$service_user" >>"$log" 2>&1
  done
}

own_places() { # the service may change versions and data, and not what root runs
  [ -n "$service_user" ] || return 0
  mkdir -p "$home" && chown "$service_user:$service_user" "$home" && chmod 700 "$home"
  ! is_head || chown -R "$service_user:$service_user" "$home"
  chown "root:$service_user" "$prefix" && chmod 1775 "$prefix"
  chown -R "$service_user:$service_user" "$prefix/versions"
  chown -h "$service_user:$service_user" "$prefix/current"
}

switch_to() {
  step step_switch exec_steps flip --prefix "$prefix" --name "$1" || fail 11
  flipped=1
  flipped_from=$(value_of before "$work/said")
}

write_programs() {
  programs_begun=1
  from=$prefix/current/program
  mkdir -p "$prefix/bin" || fail 11
  printf '%s\n' "$home" | put "$prefix/home" 644
  printf '%s\n' "$role" | put "$prefix/role" 644
  ! is_head || [ -z "$signer" ] || printf '%s\n' "$signer" | put "$prefix/signer" 644
  ! [ -n "$service_user" ] || printf '%s\n' "$service_user" | put "$prefix/user" 644
  ! [ -n "${CLUSTER_AI_PORT_BASE:-}" ] || printf '%s\n' "$CLUSTER_AI_PORT_BASE" | put "$prefix/port-base" 644
  # shellcheck disable=SC2015  # whatever of it fails, all of it has failed
  put "$prefix/bin/cluster-ai" 755 <"$from/scripts/install/launcher.sh" &&
    put "$prefix/bin/cluster-ai-run" 755 <"$from/scripts/install/runner.sh" &&
    put "$prefix/bin/install_unified.sh" 755 <"$from/install_unified.sh" &&
    write_uninstall || fail 11
  write_command
}

write_uninstall() {
  {
    printf '#!/bin/sh\n# Takes Cluster AI away from this machine. --purge: its data, too.\n'
    printf 'exec sh %s --uninstall --%s --prefix %s "$@"\n' \
      "$(quoted "$prefix/bin/install_unified.sh")" "$scope" "$(quoted "$prefix")"
  } | put "$prefix/bin/uninstall" 755
}

write_command() {
  [ -n "$commands" ] || return 0
  if [ -e "$commands/cluster-ai" ] && ! is_our_command; then
    say other_command "$commands/cluster-ai" "$prefix/bin/cluster-ai"
    return 0
  fi
  make_folder "$commands" || return 0
  made command "$commands/cluster-ai"
  printf '#!/bin/sh\n# Of Cluster AI.\nexec %s "$@"\n' "$(quoted "$prefix/bin/cluster-ai")" | put "$commands/cluster-ai" 755
  write_manual
}

manual_page() { # where `man` looks for it, beside a folder of commands called bin; nothing elsewhere
  case $commands in */bin) printf '%s\n' "${commands%/bin}/share/man/man1/cluster-ai.1" ;; esac
}

write_manual() {
  manual=$(manual_page)
  [ -n "$manual" ] && [ -s "$from/scripts/install/cluster-ai.1" ] || return 0
  # A machine without it works as well.
  make_folder "${manual%/*}" || return 0
  made command "$manual"
  put "$manual" 644 <"$from/scripts/install/cluster-ai.1"
}

is_our_command() {
  [ "$(sed -n 3p "$commands/cluster-ai" 2>/dev/null)" = "exec $(quoted "$prefix/bin/cluster-ai") \"\$@\"" ]
}

quoted() { # as one word of a shell
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

remove_programs() {
  if [ -n "$commands" ] && is_our_command; then
    rm -f "$commands/cluster-ai"
    manual=$(manual_page)
    [ -z "$manual" ] || rm -f "$manual"
  fi
  for name in cluster-ai cluster-ai-run install_unified.sh uninstall; do rm -f "$prefix/bin/$name"; done
  rmdir "$prefix/bin" 2>/dev/null
  return 0
}

join_cluster() {
  [ -d "$home" ] || home_begun=1
  make_folder "$home"
  if [ -n "$service_user" ]; then
    handed=$(umask 077 && mktemp -d) || fail 11
    mv "$line_file" "$handed/line"
    chown -R "$service_user" "$handed" || fail 11
    line_file=$handed/line
  fi
  set -- agent join --line-file "$line_file"
  [ -z "$bind" ] || set -- "$@" --bind "$bind"
  [ -z "$node_name" ] || set -- "$@" --name "$node_name"
  for label in $labels; do set -- "$@" --label "$label"; done
  if ! step step_join "$prefix/bin/cluster-ai" "$@"; then
    [ "$step_code" -ne 5 ] || fail 6
    tell join_refused "$(reason_in "$work/why")"
    fail 10
  fi
  joined_now=1
  rm -f "$line_file"
}

settle_head() { # the data directory of a new head, and what it does itself
  [ ! -d "$home" ] || return 0
  home_begun=1
  make_folder "$home" || fail 11
  chmod 700 "$home"
  {
    [ "$kind" != head ] || printf '[node]\nenabled = false\n\n[compute]\nworkers = 0\n'
    case $offline in
      '' | "$prefix/.packing"/*) ;;
      *) printf '\n[update]\nsigner = "%s"\n' "$signer" ;;
    esac
  } | put "$home/config.toml" 600
}

# --------------------------------------------------------------------------------------------------------- service
write_service() {
  service_begun=1
  open_user_systemd
  printf '%s\n' "$service" | put "$prefix/service" 644
  case $service in
    systemd_*)
      make_folder "$units" || return 1
      made unit "$units/cluster-ai.service"
      steps unit --template "$prefix/current/program/config/systemd/cluster-ai.service" --prefix "$prefix" --home "$home" \
        --user "$service_user" >"$work/unit" 2>>"$log" && put "$units/cluster-ai.service" 644 <"$work/unit" || return 1
      sc daemon-reload >>"$log" 2>&1 && sc enable cluster-ai.service >>"$log" 2>&1 || return 1
      [ "$service" != systemd_user ] || allow_linger
      ;;
    cron)
      made cron "$prefix"
      { crontab -l 2>/dev/null | grep -vF "# cluster-ai:$prefix" && true || true; } >"$work/cron"
      # A percent sign ends a line of a crontab.
      printf '@reboot %s # cluster-ai:%s\n' "$(quoted "$prefix/bin/cluster-ai-run" | sed 's/%/\\%/g')" "$prefix" >>"$work/cron"
      crontab "$work/cron" >>"$log" 2>&1
      ;;
  esac
}

allow_linger() {
  [ "$(loginctl show-user "$uid" --property=Linger --value 2>/dev/null)" != yes ] || return 0
  if loginctl enable-linger >>"$log" 2>&1; then made linger "$uid"; else
    may_not_linger=yes
    tell linger_no "$(id -un)"
  fi
}

restart_service() {
  case $service in
    systemd_*) sc restart cluster-ai.service ;;
    *)
      stop_service
      start_detached
      ;;
  esac
}

start_detached() {
  mkdir -p "$home/logs" 2>/dev/null
  [ -z "$service_user" ] || chown "$service_user:$service_user" "$home/logs"
  # Whoever interrupts us waits until its number is noted.
  [ -n "${rolling:-}" ] || trap : INT TERM HUP
  alone='nohup'
  ! command -v setsid >/dev/null 2>&1 || alone='setsid'
  # What is ignored here while it is undone, it must hear.
  (trap - INT TERM HUP && exec "$alone" "$prefix/bin/cluster-ai-run") </dev/null >>"$home/logs/runner.log" 2>&1 &
  # It writes the same itself; but whoever interrupts us now must find it, too.
  printf '%s\n' "$!" >"$prefix/runner.pid"
  [ -z "$service_user" ] || chown "$service_user:$service_user" "$prefix/runner.pid"
}

stop_service() {
  case $service in
    systemd_*) sc stop cluster-ai.service >>"$log" 2>&1 ;;
    *)
      runner_pid || return 0
      kill -TERM "$runner" 2>/dev/null
      left=60
      while kill -0 "$runner" 2>/dev/null && [ "$left" -gt 0 ]; do
        sleep 1
        left=$((left - 1))
      done
      ;;
  esac
  return 0
}

remove_service() {
  case $service in
    systemd_*)
      sc disable cluster-ai.service >>"$log" 2>&1
      rm -f "$units/cluster-ai.service"
      sc daemon-reload >>"$log" 2>&1
      ;;
    cron)
      crontab -l 2>/dev/null | grep -vF "# cluster-ai:$prefix" >"$work/cron"
      if [ -s "$work/cron" ]; then crontab "$work/cron"; else crontab -r; fi >>"$log" 2>&1
      ;;
  esac
  return 0
}

start_service() {
  write_service || fail 11
  step step_service restart_service || fail 11
  if is_head; then wait_until_ready; else wait_for_head; fi
}

wait_until_ready() {
  if step step_ready "$prefix/bin/cluster-ai" up --detach --timeout "$wait_seconds"; then
    mv "$work/said" "$work/greeting"
    return 0
  fi
  tell not_ready "$(reason_in "$work/why")"
  fail 11
}

# The agent says what the head said: that it can open this machine's own door.
wait_for_head() {
  step step_back heard_back && return 0
  reason=$(value_of why "$work/said")
  # It runs and reports: that stays. The way from the head to here is for people to open.
  if [ "$(value_of answers "$work/said")" = 1 ]; then
    tell not_reachable "$reason"
    reachable_code=6
    return 0
  fi
  tell no_report "$wait_seconds"
  fail 11
}

heard_back() {
  left=$wait_seconds
  while [ "$left" -gt 0 ]; do
    told=$(steps heard --home "$home" 2>/dev/null)
    case $told in
      *reachable=yes*) return 0 ;;
      # The head tries more than once; a moment later it may have come through.
      *reachable=no*) [ "$left" -gt 15 ] || break ;;
    esac
    sleep 1
    left=$((left - 1))
  done
  printf '%s\n' "$told"
  return 1
}

tell_firewall() {
  { [ -z "$no_firewall" ] && ! is_head; } || return 0
  from=${head%:*}
  if command -v ufw >/dev/null 2>&1 && [ -e /etc/ufw/ufw.conf ] && grep -q '^ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null; then
    say firewall ufw "sudo ufw allow from $from to any port 11437 proto tcp"
  elif command -v firewall-cmd >/dev/null 2>&1 && firewall-cmd --state >/dev/null 2>&1; then
    say firewall firewalld "sudo firewall-cmd --permanent --add-port=11437/tcp && sudo firewall-cmd --reload"
  fi
}

summary() {
  command=$prefix/bin/cluster-ai
  ! { [ -n "$commands" ] && is_our_command; } || case ":${PATH:-}:" in *":$commands:"*) command=cluster-ai ;; esac
  [ "$mode" != repair ] || say repaired
  if [ -n "$no_service" ]; then
    say done_unstarted "$prefix/bin/cluster-ai-run"
  elif is_head; then say done_head; else say 'done'; fi
  # With the first password, which is told once.
  [ ! -s "$work/greeting" ] || cat "$work/greeting"
  [ -z "$quiet" ] || return 0
  {
    words next
    [ -z "${may_not_linger:-}" ] || printf '\n  %-40s %s' "sudo loginctl enable-linger $(id -un)" "$(words next_linger)"
    printf '\n  %-40s %s\n' "$command status" "$(words next_status)"
    if is_head; then
      printf '  %-40s %s\n' "$command open" "$(words next_open)"
      printf '  %-40s %s\n' "$command node invite" "$(words next_invite)"
    else
      printf '  %-40s %s\n' "$command logs -f" "$(words next_logs)"
    fi
    printf '  %-40s %s\n' "sh $(quoted "$prefix/bin/uninstall")" "$(words next_uninstall)"
  } >&2
}

# ----------------------------------------------------------------------------------------------------------- modes
look_at_all() { # fills findings; the head and its software only when this machine can be used at all
  findings='' finding_code=0 wanted='' wanted_mib=0 head='' own_address='' python=''
  detect_system
  # On a system that is not served nothing else is worth a word.
  [ "$finding_code" -eq 0 ] || return 0
  check_places
  check_machine && [ "$finding_code" -eq 0 ] || return 0
  if is_head; then
    check_software
  elif check_head; then check_bundle; fi
}

install_it() {
  take_line
  choose_service
  look_at_all
  make_plan
  if [ -n "$print_plan" ]; then
    json_plan
    exit "$finding_code"
  fi
  [ "$finding_code" -ne 0 ] || say all_well "$(value_of python "$work/look")" "$(value_of c_library "$work/look")" "$(free_mib "$prefix")"
  [ -z "$head" ] || say head_found "$head" "${own_address:-?}"
  show_findings
  [ "$finding_code" -eq 0 ] || exit "$finding_code"
  if [ -z "$todo" ]; then
    if [ -n "$no_service" ]; then
      say nothing_unstarted "$wanted"
    elif is_head; then say nothing_head "$wanted"; else say nothing "$wanted"; fi
    exit 0
  fi
  show_plan
  [ -z "$dry_run" ] || leave 0 dry
  confirm_plan
  carry_out
}

carry_out() {
  take_lock
  begin_changes
  changing=1
  ! does user || make_user
  ! does update || update_head
  ! does fetch || fetch_and_unfold
  ! does switch || switch_to "$wanted"
  ! is_head || settle_head
  own_places
  ! does programs || write_programs
  ! does join || join_cluster
  reachable_code=0
  ! does service || start_service
  changing=''
  rm -rf "$prefix/fetched" "$prefix/.packing"
  steps tidy --prefix "$prefix" >>"$log" 2>&1
  tell_firewall
  summary
  exit "$reachable_code"
}

show_state() { # 0: whole
  if ! is_installed || [ -z "$(current_name)" ]; then
    tell not_installed "$prefix"
    return 1
  fi
  tell installed "$(current_name)" "$prefix"
  if is_healthy; then
    if is_running; then tell running; else tell not_running; fi
    return 0
  fi
  tell damaged "$(current_name)" "$0"
  return 1
}

check_only() {
  take_line
  choose_service
  findings='' finding_code=0 wanted='' wanted_mib=0 head='' own_address='' python=''
  detect_system
  if [ "$finding_code" -eq 0 ]; then
    check_places
    if check_machine && [ "$finding_code" -eq 0 ] && ! is_head; then
      { [ -n "$line_file" ] || is_joined; } && check_head && check_bundle
    fi
  fi
  show_findings
  [ -z "$head" ] || tell head_found "$head" "${own_address:-?}"
  if is_installed; then show_state || exit 1; else tell not_installed "$prefix"; fi
  [ "$finding_code" -ne 0 ] || [ -z "$python" ] ||
    tell all_well "$(value_of python "$work/look")" "$(value_of c_library "$work/look")" "$(free_mib "$prefix")"
  exit "$finding_code"
}

repair() {
  is_installed || leave 1 not_installed "$prefix"
  take_line
  choose_service
  if ! is_healthy; then
    # Without its mark it is no version any more, and is fetched anew.
    rm -f "$prefix/current/version.json"
  fi
  look_at_all
  show_findings
  [ "$finding_code" -eq 0 ] || exit "$finding_code"
  make_plan
  does programs || todo="$todo programs"
  does switch || [ -L "$prefix/current" ] || todo="$todo switch"
  [ -n "$no_service" ] || does service || todo="$todo service"
  todo=${todo# }
  show_plan
  [ -z "$dry_run" ] || leave 0 dry
  carry_out
}

uninstall() {
  choose_service
  if ! is_installed; then
    tell not_installed "$prefix"
    [ -n "$purge" ] || exit 0
  fi
  home=$(cat "$prefix/home" 2>/dev/null || printf '%s' "$home")
  if [ -z "$yes" ]; then
    terminal_opens || leave 2 needs_yes
    ask uninstall_ask "$prefix"
    case $answer in [yYsS]*) ;; *) leave 0 stopped ;; esac
  fi
  may_purge
  [ -z "$dry_run" ] || leave 0 dry
  if is_installed; then
    stop_service
    remove_service
  fi
  shut_door
  if [ -n "$purge" ]; then
    take_away_data
  elif is_head; then tell head_kept "$home"; else tell data_kept "$home"; fi
  ! is_installed || take_away_program
  tell removed
}

shut_door() { # the cluster's SSH key, which `node add` left in this account, opens it no more
  [ -x "$prefix/current/venv/bin/python" ] || return 0
  (cd / && "$prefix/current/venv/bin/python" -P -c 'from cluster_ai.node_agent.leaving import shut_door; shut_door()') \
    </dev/null >>"$log" 2>&1 || true
}

may_purge() { # typed confirmation for what cannot be had back
  [ -n "$purge" ] && [ -z "$yes" ] || return 0
  ask purge_ask "$home"
  [ "$answer" = purge ] || leave 0 stopped
}

take_away_program() {
  # Its list goes last: a run that is cut off can be made again.
  remove_programs
  if grep -qxF "linger $uid" "$prefix/made.list"; then loginctl disable-linger >>"$log" 2>&1; fi
  user_made=$(sed -n 's/^user //p' "$prefix/made.list")
  remove_all_of_prefix
  [ -z "$user_made" ] || [ -z "$purge" ] || userdel "$user_made" >>"$log" 2>&1
}

take_away_data() {
  [ -d "$home" ] || return 0
  if [ ! -d "$home/secrets" ] && [ ! -f "$home/config.toml" ] && [ ! -f "$home/membership.json" ]; then
    tell not_ours "$home"
    return 0
  fi
  rm -rf "$home"
}

main() {
  umask 022
  quiet='' tongue=en
  load_words
  read_environment
  read_options "$@"
  need_tools
  choose_places
  trap clean_up EXIT
  trap interrupted INT TERM HUP
  make_work
  case $mode in
    install) install_it ;;
    check) check_only ;;
    repair) repair ;;
    uninstall) uninstall ;;
  esac
}

# ------------------------------------------------------------------------------------------------------------ tools
# BEGIN of what scripts/install/embed.py writes: the installer's steps, as they stand in cluster_ai.
# A signal that meets a child while it is still this shell is lost: it is told until it has ended.
end_child() {
  kill -TERM "$child" 2>/dev/null
  while sleep 1 && kill -TERM "$child" 2>/dev/null; do :; done &
  teller=$!
  wait "$child" 2>/dev/null
  kill -KILL "$teller" 2>/dev/null
  child=
}

lay_out_tools() {
  mkdir -p "$tools/cluster_ai/core" "$tools/cluster_ai/nodes/bundle" || return 1
  cat >"$tools/cluster_ai/core/errors.py" <<'END_OF_THIS_FILE' || return 1
"""The error tree. Every failure a person or program can meet has one class here or in its room.

``ClusterError``
 ├─ ``InvalidInput``       the caller sent something wrong; ``path`` says where
 ├─ ``NotFound``           the thing named does not exist
 ├─ ``Conflict``           it exists, but not in a state that allows this
 ├─ ``Unauthenticated``    nobody is signed in
 ├─ ``Forbidden``          somebody is, but may not
 ├─ ``Unsupported``        this build or this node cannot do it, and says so
 ├─ ``Unavailable``        a dependency is down; trying again may help
 └─ ``Misconfigured``      the settings must be mended before anything can start
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final, Self

NONE: Final[Mapping[str, str]] = MappingProxyType({})


class ClusterError(Exception):
    """Base of every error of ours.

    ``code`` is stable and documented in ``docs/reference/errors.md``; ``message`` says what is wrong and
    ``hint`` what to do about it. ``values`` are what the code's sentence in other languages names
    (``locales/*/errors.toml``); ``about`` among them picks a finer sentence: ``not_found`` about a ``node``.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "", values: Mapping[str, str] = NONE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.values = values

    def coded(self, code: str) -> Self:
        """Itself under the code that another process gave it: there are finer codes than classes here.

        Without one (``""``) the code stays that of the class.
        """
        if code:
            vars(self)["code"] = code
        return self


class InvalidInput(ClusterError):
    """The caller sent something wrong. ``path`` is the field, dotted, or empty for the whole body."""

    code = "invalid_input"

    def __init__(self, message: str, *, path: str = "", hint: str = "", values: Mapping[str, str] = NONE) -> None:
        super().__init__(message, hint=hint, values=values)
        self.path = path


class NotFound(ClusterError):
    code = "not_found"


class Conflict(ClusterError):
    code = "conflict"


class Changed(Conflict):
    """It is not any more as the caller saw it (``If-Match``)."""

    code = "changed_meanwhile"


class Unauthenticated(ClusterError):
    code = "unauthenticated"


class Forbidden(ClusterError):
    code = "forbidden"


class Unsupported(ClusterError):
    code = "unsupported"


class Unavailable(ClusterError):
    """A dependency is down. ``retry_after`` is in seconds."""

    code = "unavailable"

    def __init__(
        self, message: str, *, hint: str = "", retry_after: float = 1.0, values: Mapping[str, str] = NONE
    ) -> None:
        super().__init__(message, hint=hint, values=values)
        self.retry_after = retry_after


class Misconfigured(ClusterError):
    code = "misconfigured"
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/core/files.py" <<'END_OF_THIS_FILE' || return 1
"""Changes of files that survive a power cut and whoever makes them: whole or not at all. Python's own library alone:
the installer has it, too.
"""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: str | bytes, *, mode: int = 0o600, draft: Path | None = None) -> None:
    """``path`` says ``content``, or what it said before; it is on the disk when this comes back. Blocks.

    ``draft`` is where it is written first, for who sweeps up after writers that were killed; else a name that nobody
    has, so that two writers do not spoil each other's.

    Raises:
        OSError: it cannot be written: what was there stays, and no draft is left.
    """
    descriptor, written = _begun(path, draft)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content.encode() if isinstance(content, str) else content)
            opened.flush()
            os.fchmod(opened.fileno(), mode)
            os.fsync(opened.fileno())
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    sync(path.parent)


def _begun(path: Path, draft: Path | None) -> tuple[int, Path]:
    if draft is not None:
        return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), draft
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    return descriptor, Path(name)


def point(link: Path, target: str) -> None:
    """The symbolic link leads to ``target``; at no moment is there none."""
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(link)
    sync(link.parent)


def take_away(path: Path) -> bool:
    """Whether the file was there; it is not any more."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync(path.parent)
    return True


def sync(path: Path) -> None:
    """The file, or the names in the folder, are on the disk. Blocks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """The folder is on the disk with everything below it. Blocks."""
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            sync(path)
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/lines.py" <<'END_OF_THIS_FILE' || return 1
"""The join line: one URL that says where the head is, how to know it, and why it should let a machine in. Pure.

``https://192.168.1.10:8443/join?ca=<sha256>&also=head.lan:8443#<id>.<secret>``

The secret stands in the fragment: whatever takes the line for a web address does not send it anywhere.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from cluster_ai.core.errors import InvalidInput

ID_BYTES: Final = 8
SECRET_BYTES: Final = 24
LONGEST: Final = 2048
MOST_HEADS: Final = 8
_PATH: Final = "/join"
_TOKEN: Final = re.compile(r"^([0-9a-f]{16})\.([0-9a-f]{48})$")
_FINGERPRINT: Final = re.compile(r"^[0-9a-f]{64}$")
_PLACE: Final = re.compile(r"^(\[[0-9A-Fa-f:]{2,45}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{1,5})$")


class BadLine(InvalidInput):
    """The text is no join line, or only a part of one."""

    code = "bad_join_line"


@dataclass(frozen=True, slots=True)
class Line:
    """A join line taken apart. ``heads``: ``host:port``, the best first. ``fingerprint``: SHA-256 of the CA (DER)."""

    heads: tuple[str, ...]
    fingerprint: str
    token: str
    """``<id>.<secret>``"""

    @property
    def text(self) -> str:
        """As people copy it."""
        first, *others = self.heads
        query = urlencode([("ca", self.fingerprint), *(("also", head) for head in others)], safe=":[]")
        return f"https://{first}{_PATH}?{query}#{self.token}"


def parse_line(text: str) -> Line:
    """The line in ``text``; spaces and line breaks that came in by copying are forgiven.

    Raises:
        BadLine: says which part is missing.
    """
    text = "".join(text.split())
    if not text or len(text) > LONGEST:
        raise BadLine("that is no join line", hint=_HINT)
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query, strict_parsing=True, max_num_fields=MOST_HEADS + 1)
    except ValueError as exc:
        raise BadLine("that is no join line", hint=_HINT) from exc
    if parts.scheme != "https" or parts.path != _PATH:
        raise BadLine("a join line begins with https:// and leads to /join", hint=_HINT)
    heads = (parts.netloc, *query.get("also", ()))
    fingerprints = query.get("ca", [])
    if not all(map(_is_place, heads)):
        raise BadLine("the join line does not say where the head is", hint=_HINT)
    if len(fingerprints) != 1 or not _FINGERPRINT.match(fingerprints[0]):
        raise BadLine("the join line does not say how to know the head (ca=)", hint=_HINT)
    if not _TOKEN.match(parts.fragment):
        raise BadLine("the end of the join line is missing: what follows #", hint="quote it in the shell: '...'")
    return Line(tuple(dict.fromkeys(heads)), fingerprints[0], parts.fragment)


def new_token(random: bytes) -> str:
    """A token of ``ID_BYTES + SECRET_BYTES`` random bytes."""
    text = random.hex()
    return f"{text[: 2 * ID_BYTES]}.{text[2 * ID_BYTES :]}"


def id_of(token: str) -> str:
    """The part of a token that may be shown; empty when it is none."""
    found = _TOKEN.match(token)
    return found[1] if found else ""


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def is_token(token: str, digest: str) -> bool:
    """Whether ``digest`` is that of ``token``, compared in constant time."""
    return hmac.compare_digest(digest_of(token), digest)


def place(host: str, port: int) -> str:
    """``host:port``, with brackets where they belong."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_place(text: str) -> bool:
    found = _PLACE.match(text)
    return found is not None and 0 < int(found[2]) <= 65_535  # noqa: PLR2004 - TCP's own limit


_HINT: Final = "copy the whole line that `cluster-ai node invite` printed on the head"
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/ecdsa.py" <<'END_OF_THIS_FILE' || return 1
"""Checks a signature of the cluster's authority: ECDSA on P-256 with SHA-256 (FIPS 186-5, 6.4.2).

Python's own library alone: a machine that joins has no package yet, and must know whose software it unfolds before
it runs any of it. Nothing secret is handled here, so nothing can leak by how long it takes; whatever signs uses
``cryptography``.
"""

import hashlib
from typing import Final

_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# SubjectPublicKeyInfo of a P-256 key, up to its uncompressed point (RFC 5480).
_KEY_FOLLOWS: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SIZE: Final = 32
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02

Point = tuple[int, int]


def key_of(certificate: bytes) -> Point:
    """The public key in a certificate (DER) that is known to be genuine, by its fingerprint.

    Raises:
        ValueError: it has no P-256 key.
    """
    at = certificate.find(_KEY_FOLLOWS) + len(_KEY_FOLLOWS)
    raw = certificate[at : at + 2 * _SIZE]
    point = int.from_bytes(raw[:_SIZE], "big"), int.from_bytes(raw[_SIZE:], "big")
    if at < len(_KEY_FOLLOWS) or len(raw) != 2 * _SIZE or not _is_on_curve(point):
        raise ValueError("the certificate has no P-256 key")
    return point


def is_signed(message: bytes, signature: bytes, key: Point) -> bool:
    """Whether ``signature`` (DER) over ``message`` was made by the owner of ``key``."""
    try:
        r, s = _numbers(signature)
    except (ValueError, IndexError):
        return False
    if not (0 < r < _N and 0 < s < _N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, _N)
    found = _add(_times(_G, digest * inverse % _N), _times(key, r * inverse % _N))
    return found is not None and found[0] % _N == r


def _numbers(signature: bytes) -> tuple[int, int]:
    """Of ``SEQUENCE { r INTEGER, s INTEGER }``, whole and nothing behind it."""
    if signature[0] != _SEQUENCE or signature[1] != len(signature) - 2:
        raise ValueError("no sequence")
    r, rest = _number(signature[2:])
    s, rest = _number(rest)
    if rest:
        raise ValueError("something follows")
    return r, s


def _number(raw: bytes) -> tuple[int, bytes]:
    length = raw[1]
    if raw[0] != _INTEGER or not 0 < length <= _SIZE + 1 or len(raw) < 2 + length:
        raise ValueError("no number")
    return int.from_bytes(raw[2 : 2 + length], "big", signed=True), raw[2 + length :]


def _is_on_curve(point: Point) -> bool:
    x, y = point
    return x < _P and y < _P and (y * y - x**3 + 3 * x - _B) % _P == 0


def _add(one: Point | None, other: Point | None) -> Point | None:
    """Sum of two points of the curve; None is the one at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _times(point: Point, factor: int) -> Point | None:
    total: Point | None = None
    power: Point | None = point
    while factor:
        if factor & 1:
            total = _add(total, power)
        power = _add(power, power)
        factor >>= 1
    return total
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/fetch.py" <<'END_OF_THIS_FILE' || return 1
"""Fetches a bundle from a head, file by file, where an earlier run was cut off. Python's own library alone."""

import hashlib
import http.client
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.head import Head, Preparing
from cluster_ai.nodes.bundle.manifest import BadBundle, File, Manifest, Target

PIECE: Final = 256 * 1024
ROUNDS: Final = 5
Told = Callable[[int, int], None]
"""Bytes that are there, and of how many."""


def manifest_of(head: Head, target: Target, tell: Callable[[str], None], waits: float = 1800.0) -> Manifest:
    """What the head has for such machines; waits while it makes it.

    Raises:
        Refused, BadBundle, OSError, http.client.HTTPException
    """
    deadline = time.monotonic() + waits
    folder = f"{words.PREFIX}/{target}"
    while True:
        try:
            raw = head.read(f"{folder}/{words.MANIFEST}")
            signature = head.read(f"{folder}/{words.SIGNATURE}", 4096)
            return words.read_manifest(raw, signature, words.der_of(head.reached.authority))
        except Preparing as exc:
            if time.monotonic() > deadline:
                raise
            tell(str(exc))
            time.sleep(exc.seconds)


def fetch(head: Head, manifest: Manifest, folder: Path, told: Told) -> None:
    """Fills ``folder`` with the files of ``manifest``; takes up where an earlier run was cut off.

    Raises:
        BadBundle: a file is not what the list says, even when fetched anew.
        Refused, OSError, http.client.HTTPException: as the last of several tries ended.
    """
    there = 0
    for file in manifest.files:
        _fetch_file(
            head, f"{words.PREFIX}/{_target(manifest)}/{file.name}", folder, file, _added(told, there, manifest)
        )
        there += file.size
    told(manifest.size, manifest.size)


def is_whole(path: Path, file: File) -> bool:
    """Whether it is there, as long as it should be, and the same."""
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _fetch_file(head: Head, path: str, folder: Path, file: File, told: Callable[[int], None]) -> None:
    target = folder / file.name
    if is_whole(target, file):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    for number in range(ROUNDS):
        try:
            _append(head, path, part, file, told)
        except (OSError, http.client.HTTPException):
            # A full disk does not get emptier by trying; a network may come back.
            if number == ROUNDS - 1 or not _has_room(folder, file.size):
                raise
            time.sleep(min(2.0**number * 0.5, 5.0))
            continue
        if is_whole(part, file):
            part.replace(target)
            return
        part.unlink(missing_ok=True)
    raise BadBundle(f"{file.name} is not what the head has signed")


def _append(head: Head, path: str, part: Path, file: File, told: Callable[[int], None]) -> None:
    begin = part.stat().st_size if part.exists() else 0
    if begin >= file.size > 0:
        return
    with head.get(path, begin) as answer, part.open("ab") as opened:
        if answer.status == http.client.OK:
            opened.truncate(0)
            begin = 0
        while begin < file.size and (piece := answer.read(min(PIECE, file.size - begin))):
            opened.write(piece)
            begin += len(piece)
            told(begin)
    if begin < file.size:
        raise http.client.IncompleteRead(b"", file.size - begin)


def _added(told: Told, there: int, manifest: Manifest) -> Callable[[int], None]:
    return lambda begin: told(there + begin, manifest.size)


def _has_room(folder: Path, needed: int) -> bool:
    return shutil.disk_usage(folder).free > needed


def _target(manifest: Manifest) -> Target:
    return Target(manifest.python, manifest.architecture)
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/head.py" <<'END_OF_THIS_FILE' || return 1
"""The head that a join line names: found, proved to be the right one, asked. Python's own library alone.

The head is known by the fingerprint of its authority's certificate, which the line carries: nothing is believed, and
the line's secret is not shown, before the certificate that the head shows under ``/ca`` has that fingerprint and
the connection is under a certificate that this authority has signed.
"""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.manifest import BadBundle
from cluster_ai.nodes.lines import Line

HEAD_NAME: Final = "head.cluster-ai.internal"
"""By which the head's certificate names it, whatever its address is."""
PATIENCE: Final = 20.0
"""Seconds without a byte after which a connection counts as dead."""


class NoHead(Exception):
    """None of the line's addresses answers."""


class WrongHead(Exception):
    """Something answers there, and it is not the head of the line."""


class Refused(Exception):
    """The head answers, and will not."""


@dataclass(frozen=True)
class Reached:
    """A head that is the right one. ``skew`` is how far this machine's clock is ahead of it, in seconds."""

    host: str
    port: int
    authority: str
    own_address: str
    skew: float


class Head:
    """What is asked of a head over one connection after the other."""

    def __init__(self, reached: Reached, token: str = "", context: ssl.SSLContext | None = None) -> None:
        self.reached = reached
        self._token = token
        self._context = context or trusting(reached.authority)

    @contextmanager
    def get(self, path: str, begin: int = 0) -> Iterator[http.client.HTTPResponse]:
        """The answer, from byte ``begin`` on.

        Raises:
            Refused: it is neither 200 nor 206.
            OSError, http.client.HTTPException: the network.
        """
        headers = {"Accept-Encoding": "identity", "Host": HEAD_NAME}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if begin:
            headers["Range"] = f"bytes={begin}-"
        connection = _Named(self.reached.host, self.reached.port, context=self._context)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):
                raise _refusal(answer)
            yield answer
        finally:
            connection.close()

    def read(self, path: str, most: int = words.LARGEST_MANIFEST) -> bytes:
        """The whole of something small."""
        with self.get(path) as answer:
            raw = answer.read(most + 1)
        if len(raw) > most:
            raise BadBundle(f"{path} is larger than it may be")
        return raw


class Preparing(Refused):
    """The head is making the bundle: ask again after ``seconds``."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Named(http.client.HTTPSConnection):
    """Checks the certificate against the head's name, not against the address that was dialled."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=PATIENCE, context=context)
        self._under = context

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), PATIENCE)
        try:
            self.sock = self._under.wrap_socket(plain, server_hostname=HEAD_NAME)
        except BaseException:
            plain.close()
            raise


def trusting(authority: str) -> ssl.SSLContext:
    """Of a client that believes this authority (PEM) alone."""
    context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def reach(line: Line, now: Callable[[], float] = time.time, patience: float = 5.0) -> Reached:
    """The first of the line's addresses that answers and is the head that the line means.

    Raises:
        NoHead: no address answers; the message says what each did.
        WrongHead: what answers has another authority.
    """
    tried = []
    for host, port in map(_place, line.heads):
        try:
            return _reach(host, port, line.fingerprint, now, patience)
        except WrongHead:
            raise
        except (OSError, http.client.HTTPException) as exc:
            tried.append(f"{host}:{port}: {str(exc) or type(exc).__name__}")
    raise NoHead("; ".join(tried))


def _reach(host: str, port: int, fingerprint: str, now: Callable[[], float], patience: float) -> Reached:
    # Nothing is believed here yet: this connection only brings the certificate whose fingerprint is compared.
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=patience, context=blind)
    try:
        connection.request("GET", words.AUTHORITY_PATH, headers={"Host": HEAD_NAME})
        answer = connection.getresponse()
        pem = answer.read(64 * 1024).decode("ascii", "replace")
        own = str(connection.sock.getsockname()[0]) if connection.sock else ""
        date = answer.headers.get("Date")
    finally:
        connection.close()
    try:
        shown = words.sha256_of(pem)
    except BadBundle as exc:
        raise WrongHead(f"{host}:{port} answers, but shows no authority (status {answer.status})") from exc
    if shown != fingerprint:
        raise WrongHead(f"{host}:{port} has the authority {shown[:16]}..., the line says {fingerprint[:16]}...")
    # What fits is written anew: behind the certificate that was asked for there may stand another one in the answer.
    return Reached(host, port, ssl.DER_cert_to_PEM_cert(words.der_of(pem)), own, _skew(date, now()))


def _refusal(answer: http.client.HTTPResponse) -> Refused:
    raw = answer.read(4096)
    told: Any = None
    with suppress(ValueError):
        told = json.loads(raw)
    why = str(told.get("detail") or told.get("title") or "") if isinstance(told, dict) else ""
    if answer.status == http.client.SERVICE_UNAVAILABLE and (after := answer.headers.get("Retry-After", "")).isdigit():
        return Preparing(why or "the head is preparing the software", min(float(after), 10.0))
    return Refused(f"the head answers {answer.status}: {why or answer.reason}")


def _place(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or 443


def _skew(date: str | None, now: float) -> float:
    """Whole seconds: a ``Date`` header has no finer ones."""
    try:
        return round(now - parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError):
        return 0.0
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/identity.py" <<'END_OF_THIS_FILE' || return 1
"""Names a set of packages: two machines with the same one run the same code. Python's own library alone."""

import hashlib
import platform
import sys
from pathlib import Path
from typing import Final

LOCKS: Final = ("runtime.lock", "models.lock")
"""What an environment is made from, in the folder ``requirements`` of the program."""
DIGEST_LENGTH: Final = 12
_ARCHITECTURES: Final = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def program_root() -> Path:
    """The folder that holds ``cluster_ai``: a checkout, or one installed version."""
    return Path(__file__).resolve().parents[3]


def architecture(machine: str = "") -> str:
    """``x86_64`` or ``aarch64``, whatever the system calls it; that of this machine without an argument."""
    name = (machine or platform.machine()).lower()
    return _ARCHITECTURES.get(name, name)


def python_minor() -> str:
    """``3.11``"""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def locks_digest(root: Path) -> str:
    """Of what the lock files say, whatever they are called; empty when this program came without them."""
    digest = hashlib.sha256()
    try:
        for name in LOCKS:
            digest.update((root / "requirements" / name).read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()[:DIGEST_LENGTH]


def environment_id(root: Path | None = None, *, python: str = "", machine: str = "") -> str:
    """``3f2a9c1d5e6f-py3.11-x86_64``: locks, Python minor and architecture; of this very process by default.

    The part before the first hyphen is the same on every architecture. Empty without lock files.
    """
    digest = locks_digest(root or program_root())
    return f"{digest}-py{python or python_minor()}-{architecture(machine)}" if digest else ""
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/look.py" <<'END_OF_THIS_FILE' || return 1
"""What the installer must know of a machine before it changes anything. Python's own library alone."""

import errno
import platform
import shutil
import socket
from pathlib import Path
from typing import Final

PORTS: Final = {
    "agent": 11_437,
    "node": 11_436,
    "worker": 8790,
    "nanny": 8791,
    "backend": 8000,
    "gateway": 11_435,
    "scheduler": 8786,
    "dask_dashboard": 8787,
}
"""At which the parts of a machine, and of a head, listen by default..."""
OFFSETS: Final = {
    "agent": 7,
    "node": 2,
    "worker": 8,
    "nanny": 9,
    "backend": 0,
    "gateway": 1,
    "scheduler": 3,
    "dask_dashboard": 4,
}
"""... and behind a base, when one is set. A test compares both with the settings."""
OLDEST_C_LIBRARY: Final = (2, 28)
"""The compiled packages are made for it (manylinux_2_28)."""
_TCP_STATES: Final = frozenset({"0A"})


def ports(base: str) -> dict[str, int]:
    """By the name of the part; ``base`` is ``CLUSTER_AI_PORT_BASE`` or empty."""
    return {name: int(base) + offset for name, offset in OFFSETS.items()} if base.isdecimal() else dict(PORTS)


def is_free(port: int) -> bool:
    """Whether something of ours could listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("0.0.0.0", port))  # noqa: S104 - asks for every address, and never listens
        except OSError as exc:
            return exc.errno != errno.EADDRINUSE
    return True


def owner_of(port: int) -> str:
    """Name of the program that listens at a port, when this user may know it."""
    try:
        inodes = {
            fields[9]
            for name in ("tcp", "tcp6")
            for line in Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:]
            if (fields := line.split())[3] in _TCP_STATES and int(fields[1].rpartition(":")[2], 16) == port
        }
    except (OSError, ValueError, IndexError):
        return ""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink())[8:-1] in inodes:
                return (link.parents[1] / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
    return ""


def c_library() -> tuple[str, bool]:
    """Name and version of the C library, and whether compiled packages run with it."""
    if platform.system() != "Linux":
        return platform.system(), True
    name, version = platform.libc_ver()
    try:
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        numbers = ()
    return f"{name or 'unknown'} {version}".strip(), name == "glibc" and numbers >= OLDEST_C_LIBRARY


def free_bytes(folder: Path) -> int:
    """What this user may still write where ``folder`` is, or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def memory_bytes() -> int:
    """Of the machine; 0 when it does not tell."""
    try:
        first = Path("/proc/meminfo").read_text(encoding="ascii").split(None, 2)
        return int(first[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/manifest.py" <<'END_OF_THIS_FILE' || return 1
"""What a bundle is made of: one program, its wheels, and a signed list of them. Python's own library alone."""

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from cluster_ai.nodes.bundle.ecdsa import is_signed, key_of

FORMAT: Final = 1
PROGRAM: Final = "program.tar.gz"
WHEELS: Final = "wheels/"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
AUTHORITY: Final = "ca.crt"
"""The authority's certificate, PEM."""
AUTHORITY_PATH: Final = "/ca"
"""At the head: the same, for whoever compares its fingerprint."""
PREFIX: Final = "/software"
"""At the head: ``/software`` tells what there is, ``/software/py3.11-x86_64/manifest.json`` and its files follow."""
LARGEST_MANIFEST: Final = 1024 * 1024
_MOST_FILES: Final = 2000
_LARGEST_FILE: Final = 4 * 1024**3
_FILE_NAME: Final = re.compile(r"program\.tar\.gz|wheels/[A-Za-z0-9][A-Za-z0-9._+-]{0,250}\.whl")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class BadBundle(Exception):
    """It is not what the head signed, or no bundle at all."""


@dataclass(frozen=True)
class Target:
    """Which machines can use it: Python ``3.11`` on ``x86_64``. Written ``py3.11-x86_64``."""

    python: str
    architecture: str

    def __str__(self) -> str:
        return f"py{self.python}-{self.architecture}"

    @classmethod
    def parse(cls, text: str) -> "Target":
        """What ``str`` of one says.

        Raises:
            BadBundle: no such thing.
        """
        found = re.fullmatch(r"py(3\.1[1-3])-(x86_64|aarch64)", text)
        if not found:
            raise BadBundle(f"{text[:40]!r} names no Python and architecture")
        return cls(found[1], found[2])


@dataclass(frozen=True)
class File:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """``name`` is the folder of the version on a machine; another program or other wheels have another one."""

    name: str
    version: str
    environment: str
    python: str
    architecture: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes to fetch."""
        return sum(file.size for file in self.files)

    def to_bytes(self) -> bytes:
        """The same for the same contents: this is what is signed."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, separators=(",", ":")).encode()


def read_manifest(raw: bytes, signature: bytes, authority: bytes) -> Manifest:
    """The list, when the authority (DER of a certificate known to be genuine) has signed it.

    ``signature`` is base64.

    Raises:
        BadBundle: it has not, or what it signed cannot be read by this version.
    """
    try:
        genuine = is_signed(raw, base64.b64decode(signature, validate=True), key_of(authority))
    except ValueError as exc:
        raise BadBundle(f"the signature cannot be checked: {exc}") from exc
    if not genuine:
        raise BadBundle("the list of files is not signed by this cluster's authority")
    return parse(raw)


def parse(raw: bytes) -> Manifest:
    """A list whose signature was checked before; names that could leave a folder are refused all the same.

    Raises:
        BadBundle: this version cannot read it.
    """
    try:
        told = json.loads(raw)
        if told.pop("format") != FORMAT:
            raise BadBundle("the bundle is of another version's kind: take the installer of that version")
        files = tuple(_file(one) for one in told.pop("files"))
        manifest = Manifest(**{key: str(value) for key, value in told.items()}, files=files)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BadBundle(f"the list of files cannot be read: {exc}") from exc
    if not _NAME.fullmatch(manifest.name) or len(files) > _MOST_FILES or PROGRAM not in {one.name for one in files}:
        raise BadBundle("the list of files names no program")
    return manifest


def sha256_of(pem: str) -> str:
    """Fingerprint of a certificate, of its DER, as join lines carry it."""
    return hashlib.sha256(der_of(pem)).hexdigest()


def der_of(pem: str) -> bytes:
    """The first certificate in it.

    Raises:
        BadBundle: there is none.
    """
    found = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.DOTALL)
    try:
        return base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    except ValueError as exc:
        raise BadBundle("no certificate") from exc


def _file(told: Any) -> File:
    file = File(name=told["name"], size=int(told["size"]), sha256=told["sha256"])
    if not (_FILE_NAME.fullmatch(file.name) and _SHA256.fullmatch(file.sha256) and 0 <= file.size <= _LARGEST_FILE):
        raise BadBundle(f"a file that no bundle has: {file.name[:60]!r}")
    return file
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/member.py" <<'END_OF_THIS_FILE' || return 1
"""The head as a machine finds it that has joined: under its own certificate. Python's own library alone."""

import http.client
import json
import os
import socket
import ssl
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cluster_ai.nodes.bundle.head import Head, NoHead, Reached, trusting
from cluster_ai.nodes.bundle.manifest import PREFIX

AGENT_SOCKET: Final = "agent.sock"
PATIENCE: Final = 3.0


def has_joined(home: Path) -> bool:
    """Whether the settings in ``home`` name a head."""
    return bool(_heads(home))


def head_of(home: Path) -> Head:
    """The first address of this machine's head that answers.

    Raises:
        NoHead: it has none, or none answers.
    """
    folder, tried = home / "secrets/tls", []
    try:
        authority = (folder / "ca.crt").read_text(encoding="ascii")
        context = trusting(authority)
        context.load_cert_chain(folder / "current/cert.pem", folder / "current/key.pem")
    except (OSError, ssl.SSLError) as exc:
        raise NoHead(f"this machine has no certificate of a cluster: {exc}") from exc
    for url in _heads(home):
        parts = urlsplit(url)
        head = Head(Reached(parts.hostname or "", parts.port or 443, authority, "", 0.0), context=context)
        try:
            head.read(PREFIX)
        except OSError as exc:
            tried.append(f"{url}: {exc}")
        else:
            return head
    raise NoHead("; ".join(tried) or f"{home} names no head")


def agent_says(home: Path) -> dict[str, Any]:
    """How the agent's conversation with the head goes (``GET /-/health``); empty while it does not run.

    Changes the working directory: the path of a socket must be short, that of a home need not be.
    """
    connection = http.client.HTTPConnection("localhost")
    try:
        os.chdir(home / "run")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(PATIENCE)
            connection.sock.connect(AGENT_SOCKET)
            connection.request("GET", "/-/health")
            told = json.loads(connection.getresponse().read(1024 * 1024))
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return told if isinstance(told, dict) else {}


def _heads(home: Path) -> list[str]:
    """What people wrote themselves wins over what joining left."""
    for table in (_configured(home / "config.toml"), _joined(home / "membership.json")):
        heads = table.get("head") if isinstance(table, dict) else None
        if isinstance(heads, list) and heads:
            return [str(one) for one in heads]
    return []


def _configured(path: Path) -> Any:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("agent")
    except (OSError, ValueError):
        return None


def _joined(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/offline.py" <<'END_OF_THIS_FILE' || return 1
"""A bundle as one file, carried by hand to a machine that fetches nothing. Python's own library alone."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.manifest import BadBundle, Manifest

_SMALL = (words.MANIFEST, words.SIGNATURE, words.AUTHORITY)


def pack(target: Path, small: Mapping[str, bytes], files: Mapping[str, Path]) -> None:
    """Writes the file; it has its name only when it is whole.

    Args:
        target: of the ``.tar``.
        small: the list, its signature and the authority's certificate (PEM), by their names.
        files: all that the list names.
    """
    draft = target.with_name(f".{target.name}.part")
    with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in _SMALL:
            entry = tarfile.TarInfo(name)
            entry.size = len(small[name])
            archive.addfile(entry, io.BytesIO(small[name]))
        for name, path in files.items():
            archive.add(path, name, recursive=False)
    draft.replace(target)


def read_list(bundle: Path, fingerprint: str) -> tuple[Manifest, Mapping[str, bytes]]:
    """What ``bundle`` has, when the authority with that fingerprint has signed it; and the small files.

    Raises:
        BadBundle: it is another cluster's, or no bundle.
    """
    try:
        with tarfile.open(bundle, "r:") as archive:
            small = {name: _read(archive, name) for name in _SMALL}
    except (tarfile.TarError, KeyError) as exc:
        raise BadBundle(f"{bundle.name} is no bundle: {exc}") from exc
    authority = small[words.AUTHORITY].decode("ascii", "replace")
    if words.sha256_of(authority) != fingerprint:
        raise BadBundle(f"{bundle.name} was signed by another cluster than the one that was named")
    return words.read_manifest(small[words.MANIFEST], small[words.SIGNATURE], words.der_of(authority)), small


def unpack(bundle: Path, manifest: Manifest, folder: Path) -> None:
    """Puts the files that the list names into ``folder``; they are checked when they are unfolded.

    Raises:
        BadBundle: one is not there, or is larger than the list says.
    """
    try:
        with tarfile.open(bundle, "r:") as archive:
            for file in manifest.files:
                target = folder / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_read(archive, file.name, file.size))
    except (tarfile.TarError, KeyError) as exc:
        raise BadBundle(f"{bundle.name} is damaged: {exc}") from exc


def _read(archive: tarfile.TarFile, name: str, most: int = words.LARGEST_MANIFEST) -> bytes:
    source = archive.extractfile(archive.getmember(name))
    raw = source.read(most + 1) if source else b""
    if source is None or len(raw) > most:
        raise BadBundle(f"{name} in the bundle is not what it should be")
    return raw
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/steps.py" <<'END_OF_THIS_FILE' || return 1
"""The installer's steps as commands: ``python -m cluster_ai.nodes.bundle.steps STEP``. Python's own library alone.

Answers are ``key=value`` lines on stdout; what people should read goes to stderr. Exit codes are the installer's:
1 error, 2 usage, 3 no such machine served, 5 dependency, 6 network, 7 not what was signed, 9 disk, 10 refused.
"""

import argparse
import errno
import http.client
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.nodes.bundle import look, member, offline, switch, unit
from cluster_ai.nodes.bundle import manifest as words
from cluster_ai.nodes.bundle.fetch import fetch, manifest_of
from cluster_ai.nodes.bundle.head import Head, NoHead, Refused, WrongHead, reach
from cluster_ai.nodes.bundle.identity import architecture, python_minor
from cluster_ai.nodes.bundle.manifest import BadBundle, Manifest, Target
from cluster_ai.nodes.bundle.unfold import CannotUnfold, unfold
from cluster_ai.nodes.lines import Line, parse_line

ERROR, USAGE, DEPENDENCY, NETWORK, CHECKSUM, DISK, REFUSED, INTERRUPTED = 1, 2, 5, 6, 7, 9, 10, 130
TELL_SECONDS: Final = 0.5
_EXITS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (ClusterError, USAGE),
    (NoHead, NETWORK),
    (WrongHead, CHECKSUM),
    (BadBundle, CHECKSUM),
    (Refused, REFUSED),
    (CannotUnfold, DEPENDENCY),
    (switch.NoVersion, ERROR),
    (http.client.HTTPException, NETWORK),
)
_KNOWN: Final = (
    ClusterError, NoHead, WrongHead, BadBundle, Refused, CannotUnfold, switch.NoVersion, http.client.HTTPException,
    OSError,
)  # fmt: skip
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def look_at(_asked: argparse.Namespace) -> None:
    """This machine, without anybody else."""
    library, is_right = look.c_library()
    say("python", python_minor())
    say("architecture", architecture())
    say("c_library", library)
    say("c_library_ok", int(is_right))
    say("memory", look.memory_bytes())
    for name, port in look.ports(os.environ.get("CLUSTER_AI_PORT_BASE", "")).items():
        say(f"port_{name}", f"{port} {'free' if look.is_free(port) else 'taken'} {look.owner_of(port)}".strip())


def line(asked: argparse.Namespace) -> None:
    """What a join line says, without its secret."""
    parsed = _line(asked)
    say("heads", " ".join(parsed.heads))
    say("fingerprint", parsed.fingerprint)


def probe(asked: argparse.Namespace) -> None:
    """The head of the join line, proved to be the right one."""
    head = Head(reach(_line(asked))) if asked.line_file else member.head_of(asked.home)
    reached = head.reached
    told = json.loads(head.read(words.PREFIX))
    say("head", f"{reached.host}:{reached.port}")
    say("own_address", reached.own_address)
    say("skew", int(reached.skew))
    say("head_version", _short(told, "version"))
    say("head_python", _short(told, "python"))


def bundle(asked: argparse.Namespace) -> None:
    """Name and size of what would be installed."""
    manifest = (
        offline.read_list(asked.offline, _fingerprint(asked))[0]
        if asked.offline
        else manifest_of(_head(asked), _target(), _note)
    )
    _check_target(manifest)
    say("name", manifest.name)
    say("version", manifest.version)
    say("bytes", manifest.size)
    say("files", len(manifest.files))


def get(asked: argparse.Namespace) -> None:
    """Fills a folder with the bundle, and with the list that says what it is."""
    folder: Path = asked.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if asked.offline:
        manifest, small = offline.read_list(asked.offline, _fingerprint(asked))
        _check_target(manifest)
        offline.unpack(asked.offline, manifest, folder)
        signature, authority = small[words.SIGNATURE], small[words.AUTHORITY]
    else:
        head = _head(asked)
        manifest = manifest_of(head, _target(), _note)
        fetch(head, manifest, folder, _progress())
        signature = head.read(f"{words.PREFIX}/{_target()}/{words.SIGNATURE}", 4096)
        authority = head.reached.authority.encode()
    (folder / words.MANIFEST).write_bytes(manifest.to_bytes())
    (folder / words.SIGNATURE).write_bytes(signature)
    (folder / words.AUTHORITY).write_bytes(authority)
    say("name", manifest.name)


def carry(asked: argparse.Namespace) -> None:
    """Fetches as ``get`` does, and makes one file of it that can be carried to a machine like this one."""
    target, asked.offline = asked.offline, None
    get(asked)
    folder: Path = asked.folder
    manifest = words.parse((folder / words.MANIFEST).read_bytes())
    small = {name: (folder / name).read_bytes() for name in (words.MANIFEST, words.SIGNATURE, words.AUTHORITY)}
    offline.pack(target, small, {file.name: folder / file.name for file in manifest.files})
    say("file", target)


def build(asked: argparse.Namespace) -> None:
    """Unfolds what ``get`` left in the folder."""
    manifest = words.parse((asked.folder / words.MANIFEST).read_bytes())
    asked.prefix.mkdir(parents=True, exist_ok=True)
    say("name", unfold(asked.folder, manifest, asked.prefix, sys.executable))


def flip(asked: argparse.Namespace) -> None:
    """Has ``current`` lead to a version."""
    say("before", switch.flip(asked.prefix, asked.name))


def back(asked: argparse.Namespace) -> None:
    """Ends a trial that failed."""
    say("current", switch.roll_back(asked.prefix))


def tidy(asked: argparse.Namespace) -> None:
    """Keeps the version that runs and the one before."""
    for name in switch.prune(asked.prefix):
        say("removed", name)


def unit_file(asked: argparse.Namespace) -> None:
    """Prints the service of systemd that starts what is installed."""
    template = asked.template.read_text(encoding="utf-8")
    sys.stdout.write(unit.filled(template, prefix=str(asked.prefix), home=str(asked.home), user=asked.user))


def heard(asked: argparse.Namespace) -> None:
    """Whether the head has heard from this machine's agent, and could call it back."""
    told = member.agent_says(asked.home)
    head = told.get("head")
    head = head if isinstance(head, dict) else {}
    say("answers", int(bool(head.get("answers"))))
    reachable = head.get("reachable")
    say("reachable", "" if reachable is None else "yes" if reachable is True else "no")
    say("why", str(head.get("unreachable_because") or head.get("why_away") or "")[:300])


def upgrade(asked: argparse.Namespace) -> None:
    """As the head's order: fetches what the head has now, unfolds it and puts it on trial."""
    head = member.head_of(asked.home)
    manifest = manifest_of(head, _target(), _note)
    say("name", manifest.name)
    if manifest.name == switch.current(asked.prefix):
        return
    folder = asked.prefix / "fetched"
    fetch(head, manifest, folder, _progress())
    (folder / words.MANIFEST).write_bytes(manifest.to_bytes())
    unfold(folder, manifest, asked.prefix, sys.executable)
    switch.begin_trial(asked.prefix, manifest.name)
    shutil.rmtree(folder, ignore_errors=True)


STEPS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "look": look_at,
    "line": line,
    "probe": probe,
    "bundle": bundle,
    "get": get,
    "carry": carry,
    "build": build,
    "flip": flip,
    "back": back,
    "tidy": tidy,
    "unit": unit_file,
    "heard": heard,
    "upgrade": upgrade,
}


def main(argv: Sequence[str]) -> int:
    """Exit code of the step that ``argv`` names."""
    parser = argparse.ArgumentParser(prog="steps", description="Steps of the installer.")
    parser.add_argument("step", choices=sorted(STEPS))
    for name in ("--line-file", "--offline", "--folder", "--prefix", "--home", "--template"):
        parser.add_argument(name, type=Path)
    for name in ("--name", "--user", "--signer"):
        parser.add_argument(name, default="")
    asked = parser.parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Ended in the middle: what was begun is taken away on the way out, and children end, too.
        signal.signal(number, lambda *_: sys.exit(INTERRUPTED))
    try:
        STEPS[asked.step](asked)
    except _KNOWN as exc:
        _tell(f"{asked.step}: {exc}")
        return _exit_of(exc)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def say(key: str, value: object) -> None:
    """One answer; a value never has a second line."""
    sys.stdout.write(f"{key}={' '.join(str(value).split())}\n")
    sys.stdout.flush()


def _exit_of(error: Exception) -> int:
    if isinstance(error, OSError):
        # An address that does not answer is an OSError, too, and has the network's numbers.
        if error.errno in _FULL:
            return DISK
        return ERROR if error.filename else NETWORK
    return next(code for kind, code in _EXITS if isinstance(error, kind))


def _line(asked: argparse.Namespace) -> Line:
    return parse_line(asked.line_file.read_text(encoding="utf-8"))


def _fingerprint(asked: argparse.Namespace) -> str:
    if asked.signer:
        return str(asked.signer)
    if asked.line_file is not None:
        return _line(asked).fingerprint
    return words.sha256_of((asked.home / "secrets/tls/ca.crt").read_text(encoding="ascii"))


def _head(asked: argparse.Namespace) -> Head:
    """By a join line, or as a machine that has joined."""
    if asked.line_file is None:
        return member.head_of(asked.home)
    parsed = _line(asked)
    return Head(reach(parsed), parsed.token)


def _target() -> Target:
    return Target(python_minor(), architecture())


def _check_target(manifest: Manifest) -> None:
    made_for = Target(manifest.python, manifest.architecture)
    if made_for != _target():
        raise BadBundle(f"the bundle is for {made_for}, this machine has {_target()}")


def _short(told: Any, key: str) -> str:
    return str(told.get(key, ""))[:64] if isinstance(told, dict) else ""


def _note(text: str) -> None:
    _tell(f"note={text}")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _progress() -> Callable[[int, int], None]:
    """Tells at most twice a second, and the end."""
    last = [-TELL_SECONDS]

    def told(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] >= TELL_SECONDS or done == total:
            last[0] = now
            _tell(f"bytes={done}/{total}")

    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/switch.py" <<'END_OF_THIS_FILE' || return 1
"""Which version of the program a machine runs: ``<prefix>/versions/<name>``, to one of which ``current`` leads.

A new version runs on trial: a note says so, written before the switch. The machine's agent takes the note away as
soon as the head has heard from it (``confirm``); if that does not happen in time, what started the program
(``scripts/install/runner.sh``) goes back to the version before and starts that. The note survives a power cut, and so
does the trial. Python's own library alone.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core import files
from cluster_ai.nodes.bundle.identity import program_root

KEPT: Final = 2
VERSIONS: Final = "versions"
CURRENT: Final = "current"
TRIAL: Final = "trial"
FAILED: Final = "failed"
COMPLETE: Final = "version.json"
"""Stands in a version that was unfolded to its end: what the head's list said of it."""


class NoVersion(Exception):
    """There is no such version here, or it was not unfolded to its end."""


@dataclass(frozen=True)
class Trial:
    """``name`` is tried; ``before`` ran until then, and is empty when nothing did."""

    name: str
    before: str


def prefix_of(root: Path | None = None) -> Path | None:
    """Where this program is installed; None for a checkout, which nobody switches."""
    version = (root or program_root()).parent
    is_installed = version.parent.name == VERSIONS and (version / COMPLETE).is_file()
    return version.parent.parent if is_installed else None


def versions(prefix: Path) -> tuple[str, ...]:
    """Names of all that are complete, the one unfolded last at the end."""
    found = [path.parent for path in (prefix / VERSIONS).glob(f"*/{COMPLETE}") if not path.parent.name.startswith(".")]
    return tuple(path.name for path in sorted(found, key=lambda path: (path / COMPLETE).stat().st_mtime_ns))


def current(prefix: Path) -> str:
    """Name of the version that is run; empty when there is none."""
    link = prefix / CURRENT
    return link.readlink().name if link.is_symlink() else ""


def flip(prefix: Path, name: str) -> str:
    """``current`` leads to that version; answers the name of the one before.

    Raises:
        NoVersion: it is not complete.
    """
    if name not in versions(prefix):
        raise NoVersion(f"{prefix / VERSIONS} has no complete version {name}")
    before = current(prefix)
    if before != name:
        files.point(prefix / CURRENT, f"{VERSIONS}/{name}")
    return before


def begin_trial(prefix: Path, name: str) -> None:
    """Switches to a version that must prove itself. The program has to be started anew for it.

    Raises:
        NoVersion: it is not complete.
    """
    if name not in versions(prefix):
        raise NoVersion(f"{prefix / VERSIONS} has no complete version {name}")
    before = current(prefix)
    if before == name:
        return
    # The note comes first: a power cut between the two leaves the old version on trial, which it passes.
    files.replace(prefix / TRIAL, json.dumps({"name": name, "before": before}) + "\n", mode=0o644)
    flip(prefix, name)


def trial(prefix: Path) -> Trial | None:
    """The one that is going on."""
    try:
        told = json.loads((prefix / TRIAL).read_text(encoding="utf-8"))
        return Trial(str(told["name"]), str(told["before"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def confirm(prefix: Path) -> bool:
    """The head has heard from this version: it stays, and only the one before is kept beside it.

    Answers whether there was a trial.
    """
    if not files.take_away(prefix / TRIAL):
        return False
    forget_failure(prefix)
    prune(prefix)
    return True


def roll_back(prefix: Path) -> str:
    """Ends a trial that failed; answers the version that runs now, and leaves a note of the one that did not."""
    ending = trial(prefix)
    if ending is not None and ending.before and current(prefix) == ending.name:
        flip(prefix, ending.before)
        files.replace(prefix / FAILED, ending.name + "\n", mode=0o644)
    files.take_away(prefix / TRIAL)
    return current(prefix)


def failed(prefix: Path) -> str:
    """The version that was tried last and went back; empty when the last one stayed."""
    try:
        return (prefix / FAILED).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def forget_failure(prefix: Path) -> None:
    """Whatever failed before, another version is about to be tried, or one has stayed."""
    files.take_away(prefix / FAILED)


def prune(prefix: Path, kept: int = KEPT) -> tuple[str, ...]:
    """Removes all versions but the current one and those unfolded last; answers what it removed."""
    names = [name for name in versions(prefix) if name != current(prefix)]
    gone = tuple(names[: max(0, len(names) - (kept - 1))])
    for name in gone:
        # Without its mark it is not a version any more, wherever the removal stops.
        files.take_away(prefix / VERSIONS / name / COMPLETE)
        shutil.rmtree(prefix / VERSIONS / name, ignore_errors=True)
    return gone
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/unfold.py" <<'END_OF_THIS_FILE' || return 1
"""Makes a version out of a bundle that was fetched: beside the one that runs, whole or not at all, without a network.

Python's own library and the uv that the bundle brings.
"""

import contextlib
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster_ai.core import files
from cluster_ai.nodes.bundle.fetch import is_whole
from cluster_ai.nodes.bundle.manifest import MANIFEST, PROGRAM, BadBundle, Manifest
from cluster_ai.nodes.bundle.switch import COMPLETE, VERSIONS

LOCKS: Final = ("runtime.lock", "models.lock")
PATIENCE: Final = 1800.0
UNPACKED: Final = 4
"""How many times larger a version is than its bundle, at most."""


class CannotUnfold(Exception):
    """A step failed; the message has the last of what it said."""


def unfold(folder: Path, manifest: Manifest, prefix: Path, python: str) -> str:
    """Makes ``<prefix>/versions/<name>`` from the files in ``folder``; answers its name. Nothing is switched.

    Args:
        folder: with the files of ``manifest``, all of them.
        manifest: whose signature was checked.
        prefix: exists.
        python: the interpreter that the version is for.

    Raises:
        BadBundle: a file is not what the list says.
        CannotUnfold: the packages do not fit this machine.
        OSError: the disk is full or cannot be written.
    """
    final = prefix / VERSIONS / manifest.name
    if (final / COMPLETE).is_file():
        return manifest.name
    _check(folder, manifest)
    with _draft(prefix / VERSIONS, manifest.name) as draft:
        extract(folder / PROGRAM, draft / "program")
        _packages(folder, draft, python)
        files.replace(draft / COMPLETE, (folder / MANIFEST).read_bytes(), mode=0o644)
        check_health(draft)
        # Tens of thousands of files: one call for all of them, before the name says that they are there.
        os.sync()
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    files.sync(final.parent)
    return manifest.name


def check_health(version: Path) -> None:
    """Runs what proves that a version can be started here.

    Raises:
        CannotUnfold: it cannot.
    """
    _run([str(version / "venv/bin/python"), "-P", "-m", "cluster_ai.nodes.bundle.health"])


def extract(archive: Path, folder: Path) -> None:
    """Plain files only, below ``folder`` only: the archive is signed, and is not trusted more than it must be.

    Raises:
        BadBundle: it holds anything else.
    """
    with tarfile.open(archive, "r:gz") as opened:
        for entry in opened:
            source = opened.extractfile(entry) if entry.isreg() else None
            if source is None or entry.name.startswith("/") or ".." in Path(entry.name).parts:
                raise BadBundle(f"the program has something that is no plain file: {entry.name[:60]!r}")
            target = folder / entry.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, target.open("wb") as written:
                shutil.copyfileobj(source, written)
            target.chmod(0o755 if entry.mode & stat.S_IXUSR else 0o644)


def _check(folder: Path, manifest: Manifest) -> None:
    for file in manifest.files:
        if not is_whole(folder / file.name, file):
            raise BadBundle(f"{file.name} is not what the head has signed")


@contextlib.contextmanager
def _draft(folder: Path, name: str) -> Iterator[Path]:
    """A folder that is gone at the end unless it was renamed. Those of runs that were killed go first."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = folder / f".new-{os.getpid()}-{name}"
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _packages(folder: Path, draft: Path, python: str) -> None:
    wheels, venv, cache = folder / "wheels", draft / "venv", draft / "cache"
    uv = _uv(wheels, draft)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "PYTHON"))}
    environment |= {"UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_OFFLINE": "1"}
    _run([uv, "venv", "--quiet", "--relocatable", "--python", python, str(venv)], environment)
    locks = [str(draft / "program/requirements" / name) for name in LOCKS]
    sync = [uv, "pip", "sync", "--python", str(venv / "bin/python"), "--no-index", "--find-links", str(wheels)]
    _run([*sync, "--require-hashes", "--no-progress", "--compile-bytecode", *locks], environment)
    shutil.rmtree(cache, ignore_errors=True)
    Path(uv).unlink()
    site = next(venv.glob("lib/python3*/site-packages"))
    # Relative to where it stands: the version gets its name only at the end.
    (site / "cluster-ai.pth").write_text(os.path.relpath(draft / "program", site) + "\n", encoding="utf-8")
    _run([str(venv / "bin/python"), "-m", "compileall", "-q", str(draft / "program")])


def _uv(wheels: Path, draft: Path) -> str:
    """The installer, out of its wheel: one file that needs nothing else."""
    wheel = next(wheels.glob("uv-*.whl"), None)
    if wheel is None:
        raise BadBundle("the bundle has no uv")
    with zipfile.ZipFile(wheel) as opened:
        inside = next(name for name in opened.namelist() if name.endswith(".data/scripts/uv"))
        target = draft / "uv"
        with opened.open(inside) as source, target.open("wb") as written:
            shutil.copyfileobj(source, written)
    target.chmod(0o755)
    return str(target)


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own words and paths, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise CannotUnfold(f"{Path(command[0]).name} did not end in {PATIENCE:.0f} s") from exc
    if done.returncode:
        raise CannotUnfold(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-1500:]}")
END_OF_THIS_FILE
  cat >"$tools/cluster_ai/nodes/bundle/unit.py" <<'END_OF_THIS_FILE' || return 1
"""The service of systemd, filled in with paths that may hold anything. Python's own library alone."""

import re
from typing import Final

SYSTEM_ONLY: Final = "#system# "
NOTE: Final = "#note# "
USER_ONLY: Final = "#user# "


def filled(template: str, *, prefix: str, home: str, user: str = "") -> str:
    """The unit for a user's own systemd; with a ``user`` the machine's, which runs as that user.

    Lines of ``template`` that begin with ``#system#`` or ``#user#`` stand only in that kind, ``#note#`` in none.

    Raises:
        ValueError: a path has a line break, which no unit can say.
    """
    if any(char in text for text in (prefix, home, user) for char in "\n\r\0"):
        raise ValueError("a path with a line break cannot stand in a service")
    wanted, other = (SYSTEM_ONLY, USER_ONLY) if user else (USER_ONLY, SYSTEM_ONLY)
    kept = [line.removeprefix(wanted) for line in template.splitlines() if not line.startswith((other, NOTE))]
    text = "\n".join(kept) + "\n"
    values = {
        # Only what is executed knows variables.
        "@RUN@": _quoted(f"{prefix}/bin/cluster-ai-run").replace("$", "$$"),
        "@SETTING@": _quoted(f"CLUSTER_AI_HOME={home}"),
        "@HOME@": _quoted(home),
        "@PREFIX@": _quoted(prefix),
        "@USER@": user,
    }
    return re.sub(r"@[A-Z]+@", lambda found: values[found[0]], text)


def _quoted(text: str) -> str:
    """As systemd reads it back (systemd.syntax; systemd.unit: specifiers)."""
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        text = text.replace(char, written)
    return f'"{text}"'
END_OF_THIS_FILE
}
# END of it.

# On one line: whatever becomes of this file while it runs, nothing more of it is read.
main "$@" && exit

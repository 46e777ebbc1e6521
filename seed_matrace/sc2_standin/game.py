"""The game's side of the StarCraft II API: one request after another, one answer each."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from s2clientprotocol import error_pb2, sc2api_pb2

from seed_matrace.replay import Order
from seed_matrace.sc2_standin.battle import Ability, Battle
from seed_matrace.sc2_standin.messages import Observer, game_info, static_data
from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.smac_units import COMPUTER, PLAYER
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.smac_options import STARCRAFT2_BUILDS, STARCRAFT2_VERSION
from seed_matrace.starcraft2.installation import MAP_FOLDER

MAX_LOOPS = 100_000  # of one step
FARTHEST = 1024.0  # cells from the origin that an order may point
# Abilities that newer versions of the game replace by those of battle.Ability.
GENERAL_ABILITIES = {3665: Ability.STOP, 3674: Ability.ATTACK, 3794: Ability.MOVE}

LAUNCHED, INIT_GAME, IN_GAME, ENDED, QUIT = (
    sc2api_pb2.Status.Value(name) for name in ("launched", "init_game", "in_game", "ended", "quit")
)


class RefusedError(Exception):
    """A request that the game answers with an error."""


class Game:
    """Plays the battles that one client asks for.

    Args:
      version: of StarCraft II, that it claims to be.
    """

    def __init__(self, version: str = STARCRAFT2_VERSION) -> None:
        self.version = version
        self.status = LAUNCHED
        self.battle: Battle | None = None
        self._created: Any = None  # RequestCreateGame
        self._answers: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
            "ping": ((), self._ping),
            "available_maps": ((), self._available_maps),
            "quit": ((), self._quit),
            "create_game": ((LAUNCHED, ENDED, IN_GAME), self._create_game),
            "join_game": ((INIT_GAME,), self._join_game),
            "restart_game": ((IN_GAME, ENDED), self._restart_game),
            "leave_game": ((IN_GAME, ENDED), self._leave_game),
            "game_info": ((IN_GAME,), self._game_info),
            "data": ((IN_GAME,), self._data),
            "observation": ((IN_GAME,), self._observation),
            "action": ((IN_GAME,), self._action),
            "step": ((IN_GAME,), self._step),
            "debug": ((IN_GAME,), self._debug),
            "save_replay": ((IN_GAME,), self._save_replay),
        }

    @property
    def waves(self) -> int:
        """Battles begun in the game at hand."""
        return self.battle.waves if self.battle else 0

    def answer(self, request: Any) -> Any:
        """The Response to a Request; what cannot be done is told in its ``error``."""
        response = sc2api_pb2.Response()
        kind = request.WhichOneof("request")
        try:
            if kind not in self._answers:
                raise RefusedError(f"{kind or 'an empty request'} is not supported by the stand-in")
            allowed, act = self._answers[kind]
            if allowed and self.status not in allowed:
                raise RefusedError(f"{kind} is not possible in status {sc2api_pb2.Status.Name(self.status)}")
            getattr(response, kind).CopyFrom(act(getattr(request, kind)))
        except RefusedError as error:
            response.error.append(str(error))
        if request.HasField("id"):
            response.id = request.id
        response.status = self.status
        return response

    def _ping(self, _: Any) -> Any:
        build = STARCRAFT2_BUILDS[self.version]
        number = ".".join([*self.version.split("."), "0"][:3])
        return sc2api_pb2.ResponsePing(
            game_version=f"{number}.{build} (stand-in, {BACKEND})",
            data_version=BACKEND,
            data_build=build,
            base_build=build,
        )

    def _available_maps(self, _: Any) -> Any:
        return sc2api_pb2.ResponseAvailableMaps(local_map_paths=[f"{MAP_FOLDER}/{name}.SC2Map" for name in map_names()])

    def _quit(self, _: Any) -> Any:
        self.status = QUIT
        return sc2api_pb2.ResponseQuit()

    def _create_game(self, request: Any) -> Any:
        refusal = sc2api_pb2.ResponseCreateGame
        types = [player.type for player in request.player_setup]
        if types != [sc2api_pb2.Participant, sc2api_pb2.Computer]:
            return refusal(
                error=refusal.InvalidPlayerSetup, error_details="expected: one Participant, then one Computer"
            )
        if request.realtime:
            raise RefusedError("the stand-in plays when it is told to step; realtime is not supported")
        name = PurePosixPath(request.local_map.map_path.replace("\\", "/")).name.removesuffix(".SC2Map")
        if not name:
            return refusal(error=refusal.MissingMap, error_details="local_map.map_path says which map it is")
        try:
            load_map(name)
        except ValueError as error:
            return refusal(error=refusal.InvalidMapPath, error_details=str(error))
        self._created = request
        self._map_name = name
        self.status = INIT_GAME
        return refusal()

    def _join_game(self, request: Any) -> Any:
        refusal = sc2api_pb2.ResponseJoinGame
        if request.HasField("observed_player_id") or request.HasField("server_ports"):
            return refusal(error=refusal.FeatureUnsupported, error_details="only one player can join, to play")
        if request.options.HasField("feature_layer") or request.options.HasField("render"):
            return refusal(error=refusal.FeatureUnsupported, error_details="there are no pictures; options: raw")
        seeded = self._created.HasField("random_seed")
        self.battle = Battle(load_map(self._map_name), self._created.random_seed if seeded else secrets.randbits(31))
        self._observer = Observer(self.battle)
        self.status = IN_GAME
        return refusal(player_id=PLAYER)

    def _restart_game(self, _: Any) -> Any:
        self._playing.restart()
        self.status = IN_GAME
        return sc2api_pb2.ResponseRestartGame()

    def _leave_game(self, _: Any) -> Any:
        self.battle, self.status = None, LAUNCHED
        return sc2api_pb2.ResponseLeaveGame()

    def _game_info(self, _: Any) -> Any:
        return game_info(self._playing, self._created.local_map.map_path, self._created.player_setup)

    def _data(self, request: Any) -> Any:
        return static_data(self._playing, request)

    def _observation(self, _: Any) -> Any:
        return self._observer.observation()

    def _step(self, request: Any) -> Any:
        count = request.count if request.HasField("count") else 1
        if count > MAX_LOOPS:
            raise RefusedError(f"step of {count} loops; at most {MAX_LOOPS} expected")
        self._playing.step(count)
        return sc2api_pb2.ResponseStep(simulation_loop=self._playing.game_loop)

    def _save_replay(self, _: Any) -> Any:
        replay = self._playing.replay()
        if replay is None:
            raise RefusedError("save_replay before the first step: there is nothing to see yet")
        return sc2api_pb2.ResponseSaveReplay(data=replay)

    def _action(self, request: Any) -> Any:
        return sc2api_pb2.ResponseAction(result=[self._command(action) for action in request.actions])

    def _command(self, action: Any) -> int:
        """Carries out one action; the game's ActionResult."""
        if not action.action_raw.HasField("unit_command"):
            return int(error_pb2.Success if action.HasField("action_chat") else error_pb2.NotSupported)
        command = action.action_raw.unit_command
        results = [self._command_unit(tag, command) for tag in command.unit_tags]
        return next((result for result in results if result != error_pb2.Success), int(error_pb2.Success))

    def _command_unit(self, tag: int, command: Any) -> int:
        battle = self._playing
        slot = battle.slot_of(tag)
        if slot is None:
            return int(error_pb2.Error)
        if slot >= battle.map.n_agents:
            return int(error_pb2.YouCantControlThatUnit)
        ability = GENERAL_ABILITIES.get(command.ability_id, command.ability_id)
        heals = battle.kinds[slot].heals
        kind = command.WhichOneof("target")
        goal = (command.target_world_space_pos.x, command.target_world_space_pos.y)
        if command.queue_command:
            return int(error_pb2.NotSupported)
        if not all(abs(coordinate) <= FARTHEST for coordinate in goal):
            return int(error_pb2.MustTargetVisibleLocation)
        if ability == Ability.STOP:
            taken = battle.order(slot, Order.IDLE)
        elif kind == "target_world_space_pos" and ability in (Ability.MOVE, Ability.ATTACK):
            taken = battle.order(slot, Order.MOVE if ability == Ability.MOVE else Order.ATTACK_MOVE, goal=goal)
        elif kind == "target_unit_tag" and ability == (Ability.HEAL if heals else Ability.ATTACK):
            target = battle.slot_of(command.target_unit_tag)
            taken = target is not None and battle.order(slot, Order.ATTACK, target)
        else:
            return int(error_pb2.NotSupported)
        return int(error_pb2.Success if taken else error_pb2.CantTargetThatUnit)

    def _debug(self, request: Any) -> Any:
        for command in request.debug:
            kind = command.WhichOneof("command")
            if kind == "kill_unit":
                slots = [self._playing.slot_of(tag) for tag in command.kill_unit.tag]
                self._playing.kill([slot for slot in slots if slot is not None])
            elif kind == "create_unit":
                self._create_units(command.create_unit)
            elif kind != "draw":
                raise RefusedError(f"debug command {kind} is not supported by the stand-in")
        return sc2api_pb2.ResponseDebug()

    def _create_units(self, command: Any) -> None:
        battle = self._playing
        side = {PLAYER: range(battle.map.n_agents), COMPUTER: range(battle.map.n_agents, battle.n_units)}
        free = [
            slot
            for slot in side.get(command.owner, ())
            if battle.unit_type_id(slot) == command.unit_type and not battle.alive[slot]
        ]
        wanted = command.quantity if command.HasField("quantity") else 1
        if wanted > len(free):
            raise RefusedError(
                f"create_unit: {wanted} of type {command.unit_type} for player {command.owner}, but {len(free)} fit: "
                "the stand-in has room for the units of its map, where they are dead"
            )
        x, y = command.pos.x, command.pos.y
        if not all(battle.can_stand(slot, x, y) for slot in free[:wanted]):
            raise RefusedError(f"create_unit: no unit of type {command.unit_type} can stand at ({x:g}, {y:g})")
        for slot in free[:wanted]:
            battle.create(slot, x, y)

    @property
    def _playing(self) -> Battle:
        if self.battle is None:
            raise RefusedError("no game was joined")
        return self.battle
